/** Where nobody looks, lines are few: never two within the interval, whatever is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainLines } from '../../src/cli/progress.js';

test('at most a line every so many seconds, over all that is counted; 0: none', (context) => {
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  const lines: string[] = [];
  const make = plainLines(10, (line) => lines.push(line) > 0);
  const first = make('tokens  ', 100, 'examples');
  for (now = 1000; now <= 11_000; now += 1000) first.update(now / 1000);
  first.stop();
  const second = make('train   ', 100, 'examples');
  second.begin(50);
  for (; now <= 25_000; now += 1000) second.update(60, 'loss 0.5');
  assert.equal(lines.length, 2);
  assert.match(lines[0] as string, /^tokens 10\/100 examples \| .*\/s \| .* left\n$/);
  assert.match(lines[1] as string, /^train 60\/100 examples \| .* \| loss 0\.5\n$/);
  const none = plainLines(0, (line) => lines.push(line) > 0)('x', 1, 'y');
  now += 1e6;
  none.update(1);
  assert.equal(lines.length, 2);
});
