/**
 * Entry of the kernel's process: `node launch.js <tslab's main.js> <connection file>`. As `tslab kernel`, with three differences: started
 * by our runner, it ends when the runner is gone, however that ended; it loses no output; and it hears who asks before it is up.
 */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PORT_TAKEN } from './tslab.js';

const [main, configPath] = process.argv.slice(2) as [string, string];
const require = createRequire(main);

const zeromq = require('zeromq') as typeof import('zeromq');
const { Publisher, Reply, Router } = zeromq;

// tslab reads its sockets while another thread still binds them. A client that is there already (ours asks from the start, as Jupyter
// does) may then be answered before the binding has ended: zeromq throws "Socket is blocked by a bind", tslab's loop over requests ends,
// and the kernel lives on deaf, about once in a hundred starts. Bound at once, a socket is never blocked.
const boundAtOnce = <Type extends typeof Publisher | typeof Reply | typeof Router>(Base: Type): Type => {
  class BoundAtOnce extends (Base as typeof Reply) {
    override async bind(address: string): Promise<void> {
      try {
        this.bindSync(address);
      } catch (error) {
        // tslab would live on without this socket.
        writeSync(2, `${(error as Error).message}: ${address}`);
        process.exit(PORT_TAKEN);
      }
    }
  }
  return BoundAtOnce as unknown as Type;
};

// tslab publishes without waiting. zeromq delays every 512th message and throws at those sent before it has gone out, so outputs were lost;
// where the lost one says that the cell has ended, the notebook hung. A socket without a send timeout delays nothing. Nor may the queue
// be full: what a publisher cannot queue it drops.
class Unhindered extends Publisher {
  constructor(options: ConstructorParameters<typeof Publisher>[0]) {
    super({ ...options, sendTimeout: 0, sendHighWaterMark: 0 });
  }
}

Object.assign(zeromq, {
  Publisher: boundAtOnce(Unhindered),
  Reply: boundAtOnce(Reply),
  Router: boundAtOnce(Router),
});

process.once('disconnect', () => process.exit());
require(main).startKernel({ configPath });
