/** Kernel messages -> the outputs of a cell. */

import { type DisplayOutput, type Output, splitLines } from './document.js';
import type { Message } from './wire.js';

/** Displays that later messages may replace, by `display_id`, over the whole notebook. */
export type Displays = Map<string, DisplayOutput[]>;

/** Adds what a message shows to a cell's outputs, or replaces a display shown before; other messages change nothing. */
export function collectOutput(outputs: Output[], displays: Displays, { type, content }: Message): void {
  if (type === 'stream') addStream(outputs, String(content.name), String(content.text));
  if (type !== 'display_data' && type !== 'update_display_data') return;
  const data = bundleLines(content.data as Record<string, unknown>);
  const metadata = (content.metadata ?? {}) as Record<string, unknown>;
  const id = (content.transient as { display_id?: string } | undefined)?.display_id;
  const earlier = (id !== undefined && displays.get(id)) || [];
  for (const output of earlier) Object.assign(output, { data, metadata });
  if (type === 'update_display_data') return;
  const output: DisplayOutput = { output_type: 'display_data', data, metadata };
  outputs.push(output);
  if (id !== undefined) displays.set(id, [...earlier, output]);
}

function addStream(outputs: Output[], name: string, text: string): void {
  const last = outputs.at(-1);
  if (last?.output_type === 'stream' && last.name === name) last.text = splitLines(last.text.join('') + text);
  else outputs.push({ output_type: 'stream', name, text: splitLines(text) });
}

/** As nbformat: texts and SVG are kept in lines, JSON as values, the rest (base64) as one string. */
function bundleLines(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const inLines = (mime: string): boolean => mime.startsWith('text/') || mime === 'image/svg+xml';
  return Object.fromEntries(
    Object.entries(data).map(([mime, value]) => [
      mime,
      typeof value === 'string' && inLines(mime) ? splitLines(value) : value,
    ]),
  );
}

/** All that was written to stderr, without colours. */
export function stderrOf(outputs: readonly Output[]): string {
  const texts = outputs.flatMap((output) =>
    output.output_type === 'stream' && output.name === 'stderr' ? output.text : [],
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with the escape character
  return texts.join('').replaceAll(/\u001b\[[\d;]*m/g, '');
}
