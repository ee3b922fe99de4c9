/**
 * Texts cut into tokens as coco-caption does: Stanford's `PTBTokenizer` (CoreNLP 3.4.1, `-lowerCase`), punctuation left out. The rules are
 * written out as far as English data-to-text goes.
 */
/** Tokens that coco-caption leaves out; brackets are not among them, since it looks for their names in capitals. */
const PUNCTUATION = new Set(["''", "'", '``', '`', '.', '?', '!', ',', ':', '-', '--', '...', ';']);

const LETTER = '[\\p{L}\\p{M}]';
const NO_LETTER = `(?!${LETTER})`;
/** A period within stays: St.Louis. */
const WORD = `${LETTER}[\\p{L}\\p{M}\\d]*(?:[.!?]${LETTER}[\\p{L}\\p{M}\\d]*)*`;
const NUMBER = '(?:\\d+(?:[.:,]\\d+)*|(?:[.,]\\d+)+)';
const APOSTROPHE = "['\\u2019\\u00b4]";
/** Ends of words that are tokens of their own. */
const CLITIC = `${APOSTROPHE}(?:s|m|d|re|ve|ll)${NO_LETTER}`;
const NOT = `n${APOSTROPHE}t${NO_LETTER}`;

/** Words whose period belongs to them, within a sentence. */
const ABBREVIATIONS = [
  'Mr|Mrs|Ms|Miss|Dr|Drs|Prof|Rev|Gen|Col|Maj|Capt|Lt|Sgt|Sen|Rep|Gov|Pres|Hon|St|Ste|Mt|Ft|Ave|Blvd|Rd|Jr|Sr',
  'Inc|Ltd|Co|Corp|Bros|Cos|vs|etc|al|Vol|pp|ca|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec',
  'Univ|Adv|Calif|Conn|Fla|Ga|Ill|Ind|Mass|Mich|Minn|Miss|Pa|Tenn|Tex|Va|Wash|Wis',
].join('|');
/** U.S., e.g. */
const ACRONYM = `[a-z](?:\\.[a-z])+(?!\\.?${LETTER})\\.?`;

/** Two words in one, cut after so many letters. */
const JOINED: ReadonlyMap<string, number> = new Map([
  ...(['cannot', 'gonna', 'gotta', 'wanna', 'lemme', 'gimme'] as const).map((word) => [word, 3] as const),
]);

/** What some characters are called. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ...([
    ['(', '-lrb-'],
    [')', '-rrb-'],
    ['[', '-lsb-'],
    [']', '-rsb-'],
    ['{', '-lcb-'],
    ['}', '-rcb-'],
  ] as const),
  ...([
    ['\u2026', '...'],
    ['\u2013', '--'],
    ['\u2014', '--'],
    ['\u00a3', '#'],
    ['\u20ac', '$'],
    ['&amp;', '&'],
  ] as const),
  ...([
    ['\u00bd', '1/2'],
    ['\u00bc', '1/4'],
    ['\u00be', '3/4'],
  ] as const),
  ...([
    ['\u201c', '``'],
    ['\u201d', "''"],
    ['"', "''"],
    ['\u2018', '`'],
    ['\u2019', "'"],
  ] as const),
]);

/** In this order; the first that fits at a place is taken. */
const RULES = [
  '(?:https?://|www\\.)[^\\s"<>]+[^\\s"<>.,;:!?)]',
  // What comes before n't is a word of its own.
  `${LETTER}+(?=${NOT})`,
  NOT,
  // rock 'n' roll, '90s, get 'em, O'Donnell, L'Engle
  `${APOSTROPHE}n${APOSTROPHE}|${APOSTROPHE}\\d\\ds|${APOSTROPHE}(?:em|n|til|cause)${NO_LETTER}`,
  `[a-z]${APOSTROPHE}\\p{L}{2,}${NO_LETTER}|\\p{L}*[aeiou]${APOSTROPHE}[aeiou]\\p{L}*`,
  `(?:${ABBREVIATIONS})\\.${NO_LETTER}|nos?\\.(?=\\s*\\d)`,
  // A period before a comma is the word's.
  `${WORD}\\.(?=[,;:])`,
  ACRONYM,
  `[a-z]\\.(?=\\s|$)`,
  '\\d{1,2}/\\d{1,2}/\\d{2,4}',
  // family-friendly, 20-25
  '[\\p{L}\\p{M}\\d][\\p{L}\\p{M}\\d.,]*(?:[-_][\\p{L}\\p{M}\\d]+(?:\\.\\d+)?)+',
  // and/or, 10L/28R
  '[\\p{L}\\d]+(?:/[\\p{L}\\d]+){1,2}',
  WORD,
  // 11th, 120m; but 8.3 m
  '\\d+\\p{L}[\\p{L}\\d]*',
  `[-+]?${NUMBER}`,
  CLITIC,
  "\\.\\.\\.|&amp;|--|``|''|.",
];
const TOKEN = new RegExp(`\\s*(${RULES.map((rule) => `(?:${rule})`).join('|')})`, 'giuy');

function spelled(token: string): string[] {
  const cut = JOINED.get(token);
  if (cut !== undefined) return [token.slice(0, cut), token.slice(cut)];
  return [NAMES.get(token) ?? token.replace(/[\u2019\u00b4]/g, "'")];
}

/** @returns tokens in lower case; one empty token for a text that has none, as Python's `split(' ')` gives */
export function treebankTokens(text: string): string[] {
  const tokens = [...text.trim().matchAll(TOKEN)]
    .flatMap(([, token]) => spelled((token as string).toLowerCase()))
    .filter((token) => !PUNCTUATION.has(token));
  return tokens.length === 0 ? [''] : tokens;
}
