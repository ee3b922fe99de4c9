import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Tokenizer } from 'tokenizers';
import { readSquadFile, type SquadExample } from '../../src/datasets/squad.js';
import { tokensOf, windowRanges } from '../../src/datasets/window-ranges.js';
import { buildWindows, describeWindows, type SpanFeature, spanText } from '../../src/datasets/windows.js';
import { UsageError } from '../../src/errors.js';
import { permutation } from '../../src/random.js';

const SHARED = new URL('../../../../shared/data/', import.meta.url);
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** A WordPiece tokenizer in BERT's form: letters, a few words, no emoji. */
function wordPiece(): Tokenizer {
  const pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '.', 'the', 'cat', 'sat', 'dog', '##s', '日', '本'];
  const all = [...pieces, ...LETTERS, ...[...LETTERS].filter((c) => c !== 's').map((c) => `##${c}`)];
  const special = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const part = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const tokenOf = (id: string) => ({ id, ids: [all.indexOf(id)], tokens: [id] });
  return Tokenizer.fromString(
    JSON.stringify({
      version: '1.0',
      truncation: { direction: 'Right', max_length: 8, strategy: 'LongestFirst', stride: 0 },
      padding: null,
      added_tokens: [],
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [special('[CLS]', 0), part('A', 0), special('[SEP]', 0)],
        pair: [special('[CLS]', 0), part('A', 0), special('[SEP]', 0), part('B', 1), special('[SEP]', 1)],
        special_tokens: { '[CLS]': tokenOf('[CLS]'), '[SEP]': tokenOf('[SEP]') },
      },
      decoder: null,
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(all.map((piece, id) => [piece, id])),
      },
    }),
  );
}

/** A byte-level BPE tokenizer in RoBERTa's form, without merges: one token a byte, so characters span several tokens. */
function byteLevel(): Tokenizer {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let extra = 256;
  const bytes = Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : extra++));
  const all = ['<s>', '<pad>', '</s>', '<unk>', ...bytes];
  return Tokenizer.fromString(
    JSON.stringify({
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: {
        type: 'RobertaProcessing',
        sep: ['</s>', 2],
        cls: ['<s>', 0],
        trim_offsets: true,
        add_prefix_space: false,
      },
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: { type: 'BPE', vocab: Object.fromEntries(all.map((piece, id) => [piece, id])), merges: [] },
    }),
  );
}

function example(context: string, answer?: string, question = 'the cat'): SquadExample {
  const answers = answer === undefined ? [] : [{ text: answer, start: context.indexOf(answer) }];
  return { id: `q:${answer}`, title: '', context, question, answers };
}

/**
 * The package's own windows: its `Encoding.truncate` on the whole context, its template around each. Not its `OnlySecond`
 * truncation of a pair, which loses text (see windows.ts).
 */
async function nativeWindows(tokenizer: Tokenizer, e: SquadExample, maxLength: number, stride: number) {
  const bare = { addSpecialTokens: false };
  const question = await tokenizer.encode(e.question.trimStart(), null, bare);
  const context = await tokenizer.encode(e.context, null, bare);
  const special =
    tokenizer.postProcess(question, context, true).getLength() - question.getLength() - context.getLength();
  context.truncate(maxLength - special - question.getLength(), stride, 'right');
  return [context, ...context.getOverflowing()].map((window) => {
    const row = tokenizer.postProcess(question, window, true);
    const offsets = row.getOffsets().filter((_, i) => row.getSequenceIds()[i] === 1);
    return { ids: row.getIds(), types: row.getTypeIds(), start: row.getSequenceIds().indexOf(1), offsets };
  });
}

/** UTF-16 index of each code point. */
function unitsOf(text: string): number[] {
  const units = [0];
  for (const character of text) units.push(units.at(-1)! + character.length);
  return units;
}

async function assertNative(
  tokenizer: Tokenizer,
  examples: readonly SquadExample[],
  max: number,
  stride: number,
) {
  const options = { purpose: 'evaluate', maxLength: max, docStride: stride } as const;
  const { features } = await buildWindows(examples, tokenizer, options);
  for (const [index, e] of examples.entries()) {
    const ours = features.filter((f) => f.example === index);
    const units = unitsOf(e.context);
    const expected = await nativeWindows(tokenizer, e, max, stride);
    assert.deepEqual(
      ours.map((f) => ({
        ids: [...f.inputIds],
        types: [...f.tokenTypeIds],
        start: f.offsets.length > 0 ? f.contextStart : -1,
        offsets: [...f.offsets],
      })),
      expected.map((w) => ({ ...w, offsets: w.offsets.flat().map((point) => units[point]) })),
      e.id,
    );
  }
}

const TEXT =
  'The cats sat. 😀 日本 the dog sat 😀😀 Café naïve the end of a long line where cats and dogs sat';

describe('windows against the tokenizers package', () => {
  for (const [name, make] of [
    ['WordPiece', wordPiece],
    ['byte-level BPE', byteLevel],
  ] as const)
    test(name, async () => {
      const examples = [TEXT, 'the cat', '😀', 'a', '', `${TEXT} ${TEXT}`].map((c, i) =>
        example(c, undefined, i % 2 ? '  the dogs' : 'cat 😀'),
      );
      for (const [max, stride] of [
        [384, 128],
        [30, 4],
        [24, 7],
        [31, 0],
      ] as const)
        await assertNative(make(), examples, max, stride);
    });
});

/** The answers that the windows give back, by question; undefined where a window is labelled as without answer. */
function answersOf(
  features: readonly SpanFeature[],
  examples: readonly SquadExample[],
): (string | undefined)[] {
  return features.map((f) => {
    const [first, last] = f.span!;
    return last === 0 ? undefined : spanText(examples[f.example]!.context, f, first, last);
  });
}

describe('training windows', () => {
  test('answers behind astral characters come back whole, in both kinds of tokenizer', async () => {
    const examples = ['cats', '日', '😀😀', 'naïve', 'The', 'dogs sat', 'sat'].map((a) => example(TEXT, a));
    for (const tokenizer of [wordPiece(), byteLevel()]) {
      const { features, report } = await buildWindows(examples, tokenizer, { purpose: 'train' });
      assert.deepEqual(
        answersOf(features, examples),
        examples.map((e) => e.answers[0]?.text),
      );
      assert.deepEqual(report, { questions: 7, misplaced: 0, windowsWithoutAnswer: 0, lost: 0, widened: 0 });
    }
  });

  test('an answer at the very end of the context, the last token', async () => {
    const examples = [example('the cat sat', 'sat')];
    const { features } = await buildWindows(examples, wordPiece(), { purpose: 'train' });
    assert.deepEqual(features[0]?.span, [6, 6]); // [CLS] the cat [SEP] the cat sat [SEP]
  });

  test('windows that hold no or half the answer are labelled 0, and counted', async () => {
    const examples = [example('a b c d e f g h i j', 'd e'), example('a b c d e f g h i j', 'a b c d e f g')];
    const options = { purpose: 'train', maxLength: 10, docStride: 2 } as const;
    const windows = await buildWindows(examples, wordPiece(), options); // room for 10 - 5 = 5 context tokens
    assert.deepEqual(answersOf(windows.features, examples), [
      'd e',
      'd e',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    assert.deepEqual(windows.report, {
      questions: 2,
      misplaced: 0,
      windowsWithoutAnswer: 4,
      lost: 1,
      widened: 0,
    });
    assert.match(
      describeWindows(windows) ?? '',
      /4 windows do not hold the whole answer, 1 answers are in none/,
    );
  });

  test('no answer: 0, not counted as lost; a misplaced one is left out; inside a word is counted', async () => {
    const misplaced = { ...example('the cat sat'), answers: [{ text: 'cat', start: 0 }] };
    const examples = [
      example('the cat sat'),
      misplaced,
      example('the cats sat', 'cat'),
      example('the cat sat', 'at'),
    ];
    const { features, report } = await buildWindows(examples, wordPiece(), { purpose: 'train' });
    assert.deepEqual(answersOf(features, examples), [undefined, 'cat', 'cat']);
    assert.deepEqual(report, { questions: 3, misplaced: 1, windowsWithoutAnswer: 0, lost: 0, widened: 1 });
  });

  test('a question without room for its context is named', async () => {
    const long = example('a b c d e f g h', 'c', 'a b c d e f g');
    const options = { purpose: 'evaluate', maxLength: 12, docStride: 2 } as const;
    await assert.rejects(
      buildWindows([long], wordPiece(), options),
      /question q:c: its 7 tokens leave 2 of 12/,
    );
    assert.equal(
      (await buildWindows([{ ...long, context: 'a b' }], wordPiece(), options)).features.length,
      1,
    );
  });

  test('impossible sizes', async () => {
    for (const [maxLength, docStride] of [
      [8, 8],
      [8, -1],
      [8.5, 2],
      [8, Number.NaN],
    ] as const)
      await assert.rejects(
        buildWindows([], wordPiece(), { purpose: 'train', maxLength, docStride }),
        UsageError,
      );
  });

  test('progress ends at the number of questions', async () => {
    const seen: string[] = [];
    const onProgress = (done: number, total: number) => seen.push(`${done}/${total}`);
    await buildWindows(Array(1500).fill(example('a', 'a')), wordPiece(), { purpose: 'train', onProgress });
    assert.deepEqual(seen, ['1024/1500', '1500/1500']);
  });
});

test('ranges: neighbours share the stride, the last reaches the end', () => {
  assert.deepEqual(windowRanges(5, 5, 2), [{ start: 0, end: 5 }]);
  assert.deepEqual(windowRanges(6, 5, 2), [
    { start: 0, end: 5 },
    { start: 3, end: 6 },
  ]);
  assert.deepEqual(windowRanges(8, 5, 2), [
    { start: 0, end: 5 },
    { start: 3, end: 8 },
  ]);
});

test('tokens of a character span', () => {
  const offsets = Int32Array.of(0, 3, 4, 7, 7, 8, 9, 12);
  assert.deepEqual(tokensOf(offsets, 4, 8), { first: 1, last: 2 });
  assert.deepEqual(tokensOf(offsets, 5, 6), { first: 1, last: 1 });
  assert.deepEqual(tokensOf(offsets, 3, 7), { first: 1, last: 1 }); // from the blank before
  assert.equal(tokensOf(offsets, 3, 4), undefined);
  assert.equal(tokensOf(offsets, 12, 13), undefined);
});

describe('SQuAD v1.1', { skip: existsSync(SHARED) ? false : 'no ../shared/data here' }, () => {
  test('2,000 random questions: span -> tokens -> span gives the answer, or a token that reaches over its end', async (t) => {
    const { examples } = await readSquadFile(new URL('squad/train-v1.1.json', SHARED).pathname);
    const order = permutation({ seed: 1, stream: 4, step: 0 }, examples.length).subarray(0, 2000);
    const chosen = [...order].map((i) => examples[i]!);
    const file = new URL('models/bert-base-uncased-tokenizer/tokenizer.json', SHARED).pathname;
    const windows = await buildWindows(chosen, Tokenizer.fromFile(file), { purpose: 'train' });
    const texts = answersOf(windows.features, chosen);
    const inWindow = windows.features.flatMap((f, i) =>
      texts[i] === undefined ? [] : [[f, texts[i]] as const],
    );
    const other = inWindow.filter(([f, text]) => text !== chosen[f.example]!.answers[0]!.text);
    for (const [f, text] of other) assertInsideWord(chosen[f.example]!, f, text!);
    const answered = new Set(inWindow.map(([f]) => f.example)).size;
    assert.equal(answered + windows.report.lost, 2000);
    assert.equal(new Set(other.map(([f]) => f.example)).size, windows.report.widened);
    t.diagnostic(
      `${answered} found, ${windows.report.lost} lost, ${windows.report.widened} end inside a word`,
    );
  });
});

/** The only way to differ: the answer ends inside a word piece, so the text is the answer and the rest of that word. */
function assertInsideWord({ context, answers: [answer] }: SquadExample, f: SpanFeature, text: string): void {
  const [first, last] = f.span!.map((p) => p - f.contextStart) as [number, number];
  const [start, end] = [f.offsets[2 * first]!, f.offsets[2 * last + 1]!];
  assert.ok(start <= answer!.start && end >= answer!.start + answer!.text.length);
  const around = [
    context.slice(start, answer!.start),
    context.slice(answer!.start + answer!.text.length, end),
  ];
  assert.ok(
    text === around[0] + answer!.text + around[1] && !/\s/.test(around.join('')),
    `${answer!.text} / ${text}`,
  );
}
