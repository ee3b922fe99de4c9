"""Golden values of the losses of a classification head: value and gradient, PyTorch float32; and of per-class scores.

Run: python3 test/golden/head_losses.py > test/golden/head_losses.json   (torch, scikit-learn)

Layout: {versions, cases: [{name, logits [E][C], labels, loss, gradient [E][C], labelSmoothing?}],
scores: {predictions, labels, report: [{precision, recall, f1, support}], f1_macro, f1_micro, accuracy, confusion},
multiLabelScores: the same with rows of 0 and 1, without confusion}.
`multi_label` is `BCEWithLogitsLoss`; `smoothed` is `CrossEntropyLoss(label_smoothing=...)`.
"""
import json

import sklearn
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

torch.manual_seed(5)
EXAMPLES, CLASSES = 5, 4


def case(name, labels, loss_of, **more):
    logits = (3 * torch.randn(EXAMPLES, CLASSES)).requires_grad_()
    loss = loss_of(logits, labels)
    loss.backward()
    return {"name": name, "logits": logits.tolist(), "labels": labels.tolist(), "loss": loss.item(),
            "gradient": logits.grad.tolist(), **more}


def scores(labels, predictions, names):
    columns = precision_recall_fscore_support(labels, predictions, labels=names, zero_division=0)
    f1 = lambda average: f1_score(labels, predictions, average=average, zero_division=0)
    return {"labels": labels, "predictions": predictions,
            "report": [dict(zip(("precision", "recall", "f1", "support"), map(float, row))) for row in zip(*columns)],
            "accuracy": accuracy_score(labels, predictions), "f1_macro": f1("macro"), "f1_micro": f1("micro")}


multi_hot = torch.randint(0, 2, (EXAMPLES, CLASSES))
ids = torch.randint(0, CLASSES, (EXAMPLES,))
one = scores([0, 1, 2, 1, 1, 0, 2, 2, 0], [0, 2, 2, 1, 0, 0, 1, 2, 0], list(range(4)))
one["confusion"] = confusion_matrix(one["labels"], one["predictions"], labels=range(4)).tolist()
many = scores([[1, 0, 1], [0, 0, 0], [1, 1, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0]], list(range(3)))
print(json.dumps({
    "versions": {"torch": torch.__version__, "sklearn": sklearn.__version__},
    "cases": [
        case("multi_label", multi_hot, lambda x, y: F.binary_cross_entropy_with_logits(x, y.float())),
        case("smoothed", ids, lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1), labelSmoothing=0.1),
    ],
    "scores": one, "multiLabelScores": many,
}))
