/** A model's class names against a task's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classOrder, matchedClasses } from '../../src/datasets/class-names.js';
import { findTask, TASKS } from '../../src/datasets/task.js';

test("every task's own names are matched, in any order and case", () => {
  for (const task of TASKS.filter(({ labels }) => labels.length > 0)) {
    const reversed = [...task.labels].reverse();
    const order = reversed.map((_, id) => task.labels.length - 1 - id);
    assert.deepEqual(
      matchedClasses(task, task.labels),
      task.labels.map((_, id) => id),
    );
    for (const spelt of [reversed, reversed.map((name) => name.toUpperCase().replaceAll('_', '-'))])
      assert.deepEqual(matchedClasses(task, spelt), order, task.name);
    const generic = task.labels.map((_, id) => `LABEL_${id}`);
    assert.deepEqual(
      matchedClasses(task, generic),
      task.labels.map((_, id) => id),
    );
    for (const [id, others] of (task.synonyms ?? []).entries())
      for (const name of others) {
        const names = task.labels.map((label, at) => (at === id ? name : label)).reverse();
        assert.deepEqual(matchedClasses(task, names), order, `${task.name} ${name}`);
      }
  }
});

test('names of another task are refused with both lists', () => {
  const wrong: [string, string[]][] = [
    ['rte', ['negative', 'positive']],
    ['sst2', ['entailment', 'not_entailment']],
    ['rte', ['entailment', 'neutral', 'contradiction']],
    ['rte', ['entailment', 'entailment']],
    ['rte', ['LABEL_0', 'LABEL_2']],
    ['mnli', ['entailment', 'not_entailment']],
  ];
  for (const [task, names] of wrong)
    assert.throws(
      () => classOrder(findTask(task), names, 'config.json'),
      (error: Error) =>
        error.name === 'DataError' &&
        names.every((name) => error.message.includes(name)) &&
        /--new-head/.test(error.message),
    );
});
