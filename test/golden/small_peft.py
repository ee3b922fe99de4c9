"""Adapters and LoRA with drawn values in tiny models, and what is kept of trained tensors: for decoders.py and t5.py."""
import torch


class Adapter(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.down, self.up = torch.nn.Linear(16, 4), torch.nn.Linear(4, 16)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(0.2 * torch.randn(p.shape, generator=draw))

    def forward(self, h):
        return h + self.up(torch.nn.functional.gelu(self.down(h)))


def adapt_output(module, adapter):
    """What the module gives, which may be the first of several, goes through the adapter."""
    module.register_forward_hook(
        lambda _, __, out: (adapter(out[0]), *out[1:]) if isinstance(out, tuple) else adapter(out)
    )


def draw_lora(wrapped):
    """B is not zero, so that it changes what comes out."""
    with torch.no_grad():
        for i, (n, p) in enumerate(sorted((n, p) for n, p in wrapped.named_parameters() if "lora_" in n)):
            p.copy_(0.2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(i)))
    return wrapped


def clean(name):
    return name.replace("base_model.model.", "").replace(".default", "")


def sums(tensors):
    return {n: [t.double().sum().item(), t.double().abs().sum().item()] for n, t in tensors}
