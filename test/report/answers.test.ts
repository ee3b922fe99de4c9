import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerMarkdown } from '../../src/report/answers.js';

const context = 'The inn in Rome has 3 rooms. It *was* built by Ann Lee.';
const shown = (predicted: string, answers: string[]): string[] =>
  answerMarkdown({ question: 'Who?', context, predicted, answers: answers.map((text) => ({ text })) }).split(
    '\n>\n',
  );

test('the answer is marked in its paragraph, marks of Markdown are literal', () => {
  assert.deepEqual(shown('Ann Lee', ['Ann Lee', 'Lee']), [
    '> **Who?**',
    '> The inn in Rome has 3 rooms. It &#42;was&#42; built by <mark><b>Ann Lee</b></mark>.',
    '> ✓ “Ann Lee”',
  ]);
});

test('wrong answers name the references; no answer marks nothing', () => {
  assert.equal(shown('Rome', ['Lee', 'Lee'])[2], '> ✗ “Rome”; reference: “Lee”');
  assert.equal(shown('', ['Lee'])[2], '> ✗ no answer; reference: “Lee”');
  assert.equal(shown('Rome', [])[2], '> ✗ “Rome”; reference: no answer');
  assert.deepEqual(shown('', []).slice(1), [`> ${context.replaceAll('*', '&#42;')}`, '> ✓ no answer']);
});
