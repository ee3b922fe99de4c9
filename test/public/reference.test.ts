/** The API reference: TypeDoc finds no public name without documentation, no dead link, and no type that cannot be reached. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Application, Logger, LogLevel, TSConfigReader, TypeDocReader } from 'typedoc';
import { packageRoot } from '../golden/golden.js';

class Collected extends Logger {
  readonly lines: string[] = [];
  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn) this.lines.push(message);
  }
}

test('the reference is whole', async () => {
  const logger = new Collected();
  const app = await Application.bootstrap({ options: join(packageRoot, 'docs/typedoc.json') }, [
    new TypeDocReader(),
    new TSConfigReader(),
  ]);
  app.logger = logger;
  const project = await app.convert();
  assert.ok(project);
  app.validate(project);
  assert.deepEqual(logger.lines, []);
});
