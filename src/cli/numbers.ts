/** Parsers of numeric options: each says which option, what it takes and what came. */
import { InvalidArgumentError } from 'commander';

const parse = (name: string, text: string, wanted: string, accept: (value: number) => boolean): number => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!accept(value)) throw new InvalidArgumentError(`${name} takes ${wanted}, not '${text}'.`);
  return value;
};

export const wholeNumber =
  (name: string, least: number) =>
  (text: string): number =>
    parse(
      name,
      text,
      `a whole number from ${least} up`,
      (value) => Number.isSafeInteger(value) && value >= least,
    );

export const numberBetween =
  (name: string, low: number, high: number) =>
  (text: string): number =>
    parse(name, text, `a number from ${low} to ${high}`, (value) => value >= low && value <= high);

export const positiveNumber =
  (name: string) =>
  (text: string): number =>
    parse(name, text, 'a number above 0', (value) => value > 0 && Number.isFinite(value));

export const nonNegativeNumber =
  (name: string) =>
  (text: string): number =>
    parse(name, text, 'a number from 0 up', (value) => value >= 0 && Number.isFinite(value));

export const anyNumber =
  (name: string) =>
  (text: string): number =>
    parse(name, text, 'a number', Number.isFinite);
