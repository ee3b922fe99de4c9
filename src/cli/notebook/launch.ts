/**
 * Entry of the kernel's process: `node launch.js <tslab's main.js> <connection file>`. As `tslab kernel`, with two differences: started
 * by our runner, it ends when the runner is gone, however that ended; and it loses no output.
 */
import { createRequire } from 'node:module';

const [main, configPath] = process.argv.slice(2) as [string, string];
const require = createRequire(main);

// tslab publishes without waiting. zeromq delays every 512th message and throws at those sent before it has gone out, so outputs were lost;
// where the lost one says that the cell has ended, the notebook hung. A socket without a send timeout delays nothing. Nor may the queue
// be full: what a publisher cannot queue it drops.
const zeromq = require('zeromq') as { Publisher: typeof import('zeromq').Publisher };
const { Publisher } = zeromq;
zeromq.Publisher = class extends Publisher {
  constructor(options: ConstructorParameters<typeof Publisher>[0]) {
    super({ ...options, sendTimeout: 0, sendHighWaterMark: 0 });
  }
};

process.once('disconnect', () => process.exit());
require(main).startKernel({ configPath });
