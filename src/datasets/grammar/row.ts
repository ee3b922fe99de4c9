/**
 * What a grammar makes: rows of a task, several at a time where they belong together. Why there are grammars at all: `generated.ts`.
 */
import type { Draw } from './draw.js';

export interface Row {
  readonly texts: readonly [string] | readonly [string, string];
  /** As the task's file has it. */
  readonly label: string;
}

/** Rows that share words, so that they go to the same split. `index` counts the groups, for labels that alternate. */
export type Grammar = (draw: Draw, index: number) => readonly Row[];

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Words to a sentence: blanks squeezed, capital first, a full stop unless there is an end. */
export function sentenceOf(...words: readonly string[]): string {
  const text = capital(words.join(' ').replace(/\s+/g, ' ').replace(/ ,/g, ',').trim());
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** "a" or "an" before a word, by its first letter. */
export const withArticle = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
