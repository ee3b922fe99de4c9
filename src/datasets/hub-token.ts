/** The hub's token, from where Python's `huggingface_hub` looks for it, in its order. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The file that `hf auth login` writes. */
export function tokenFile(): string {
  if (process.env.HF_TOKEN_PATH) return process.env.HF_TOKEN_PATH;
  const home =
    process.env.HF_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  return join(home, 'token');
}

function fromFile(): string | undefined {
  try {
    return readFileSync(tokenFile(), 'utf8');
  } catch {
    return undefined;
  }
}

/** HF_TOKEN, HUGGING_FACE_HUB_TOKEN, or the file's text; undefined where there is none. Never to be printed. */
export const hubToken = (): string | undefined =>
  [process.env.HF_TOKEN, process.env.HUGGING_FACE_HUB_TOKEN, fromFile()]
    .map((text) => text?.trim())
    .find(Boolean);
