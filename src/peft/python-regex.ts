/**
 * Regular expressions as PEFT's configs hold them, in Python's syntax, matched here. What JavaScript writes otherwise is translated, what it
 * lacks is refused; a match that takes too long (a pattern that backtracks without end) is stopped.
 * Source: https://docs.python.org/3/library/re.html#regular-expression-syntax
 */
import vm from 'node:vm';
import { UsageError } from '../errors.js';

/** One pattern over all module names of a model takes microseconds. */
const MILLISECONDS = 500;

/** Escapes of a letter or digit that mean the same in both languages. */
const SHARED_ESCAPES = /^\\(?:[dDwWsSbBntrfv1-9]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})/;

/** Python -> JavaScript, the first that fits at a place; a group that Python alone knows has no translation. */
const TRANSLATIONS: readonly (readonly [RegExp, (...groups: string[]) => string | undefined])[] = [
  [/^\(\?P<(\w+)>/, (_, name) => `(?<${name}>`],
  [/^\(\?P=(\w+)\)/, (_, name) => `\\k<${name}>`],
  [/^\(\?#[^)]*\)/, () => ''],
  [/^\((?:\?(?::|=|!|<=|<!))?(?!\?)/, (all) => all],
  [/^\(\?/, () => undefined],
  [/^\\A/, () => '^'],
  [/^\\Z/, () => '$'],
  [SHARED_ESCAPES, (all) => all],
  [/^\\[^a-zA-Z0-9]/, (all) => all],
  [/^\\/, () => undefined],
  [/^(?:[*+?]|\{\d+(?:,\d*)?\})\+/, () => undefined],
  [/^\{,(\d+)\}/, (_, most) => `{0,${most}}`],
  // A `]` that comes first in a class stands for itself.
  [/^\[(\^?)(\]?)((?:\\.|[^\]\\])*)\]/, (_, not, first, rest) => `[${not}${first && '\\]'}${rest}]`],
  [/^[^\\]/s, (all) => all],
];

/** @throws UsageError for syntax that JavaScript does not have */
function translated(pattern: string, name: string): string {
  let [rest, result] = [pattern, ''];
  while (rest !== '') {
    const found = TRANSLATIONS.map(([from, to]) => ({ match: from.exec(rest), to })).find(
      ({ match }) => match,
    );
    const text = found?.match ? found.to(...found.match) : undefined;
    if (!found?.match || text === undefined)
      throw new UsageError(
        `${name}: '${pattern}': '${rest.slice(0, 3)}' is not supported in a regular expression`,
      );
    result += text;
    rest = rest.slice(found.match[0].length);
  }
  return result;
}

/**
 * What `re.fullmatch` finds in each of `texts`: null, or the text of the group `idx` ('' without one).
 * @param frame puts the pattern into a larger one, as PEFT does @param name of the setting, for errors
 * @throws UsageError for a pattern that is malformed, not translatable, or does not come to an end
 */
function fullMatches(
  pattern: string,
  texts: readonly string[],
  name: string,
  frame: (pattern: string) => string,
): (string | null)[] {
  const source = translated(pattern, name);
  try {
    new RegExp(source);
    return vm.runInNewContext(
      'texts.map((text) => { const match = new RegExp(source).exec(text); return match && (match.groups?.idx ?? ""); })',
      { texts, source: `^(?:${frame(source)})$` },
      { timeout: MILLISECONDS },
    );
  } catch (cause) {
    const why = (cause as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    const text = why
      ? 'takes too long to match; write it without nested repetition'
      : (cause as Error).message;
    throw new UsageError(`${name}: '${pattern}': ${text}`, { cause });
  }
}

const matching = (
  pattern: string,
  texts: readonly string[],
  name: string,
  frame: (pattern: string) => string,
): string[] => {
  const found = fullMatches(pattern, texts, name, frame);
  return texts.filter((_, i) => found[i] !== null);
};

/** The modules that `target_modules` or `exclude_modules` match where they are a text (PEFT `match_target_against_key`). @throws UsageError */
export const matchedModules = (pattern: string, modules: readonly string[], name: string): string[] =>
  matching(pattern, modules, name, (inner) => inner);

/** The modules whose end a key of `rank_pattern` or `alpha_pattern` matches (PEFT `get_pattern_key`). @throws UsageError */
export const modulesByEnd = (pattern: string, modules: readonly string[], name: string): string[] =>
  matching(pattern, modules, name, (inner) => `(.*\\.)?(${inner})`);

/** The modules that a name of `modules_to_save` keeps LoRA out of: itself and all inside (PEFT `check_target_module_exists`). @throws UsageError */
export const modulesWithin = (pattern: string, modules: readonly string[], name: string): string[] =>
  matching(pattern, modules, name, (inner) => `(^|.*\\.)${inner}($|\\..*)`);

/**
 * The number of the block that each module lies in, by PEFT's `layers_pattern`; undefined outside of blocks.
 * @param patterns names of the list of blocks, e.g. `layer`; empty: the first number in the path
 * @throws UsageError
 */
export function layerNumbers(
  patterns: readonly string[],
  modules: readonly string[],
): Map<string, number | undefined> {
  const frames =
    patterns.length === 0
      ? [{ pattern: '', frame: () => '.*?\\.[^.]*\\.(?<idx>\\d+)\\..*' }]
      : patterns.map((pattern) => ({
          pattern,
          frame: (inner: string) => `(?:^|.*?\\.)${inner}\\.(?<idx>\\d+)\\..*`,
        }));
  const found = frames.map(({ pattern, frame }) => fullMatches(pattern, modules, 'layers_pattern', frame));
  return new Map(
    modules.map((module, i) => {
      const index = found.map((row) => row[i]).find((text) => text !== null);
      return [module, index === undefined ? undefined : Number(index)];
    }),
  );
}
