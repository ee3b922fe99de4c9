/** Jupyter's wire protocol 5.3: signed multipart messages (jupyter-client documentation, "Messaging in Jupyter"). */

import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

export interface Message {
  readonly type: string;
  /** Id of the request that it answers. */
  readonly parentId: string | undefined;
  readonly content: Readonly<Record<string, unknown>>;
}

const DELIMITER = Buffer.from('<IDS|MSG>');

const sign = (key: string, parts: readonly (Buffer | string)[]): string => {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** A request: its id, and the frames to send. */
export function encodeRequest(
  key: string,
  type: string,
  content: object,
): { readonly id: string; readonly frames: (Buffer | string)[] } {
  const id = randomUUID();
  const header = {
    msg_id: id,
    msg_type: type,
    session: 'progtuning',
    username: 'progtuning',
    date: new Date().toISOString(),
    version: '5.3',
  };
  const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
  return { id, frames: [DELIMITER, sign(key, parts), ...parts] };
}

/** Reads a message, whatever routing frames come first. A wrong signature or shape is a defect or an intruder: it throws. */
export function decodeMessage(key: string, frames: readonly Buffer[]): Message {
  const start = frames.findIndex((frame) => frame.equals(DELIMITER));
  const parts = frames.slice(start + 2);
  if (start < 0 || parts.length < 4) throw new Error('internal: malformed message from the kernel');
  const given = frames[start + 1] as Buffer;
  const wanted = Buffer.from(sign(key, parts));
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new Error('internal: message from the kernel with a wrong signature');
  const [header, parent, , content] = parts.map((part) => JSON.parse(part.toString('utf8')));
  return { type: header.msg_type, parentId: parent.msg_id, content };
}
