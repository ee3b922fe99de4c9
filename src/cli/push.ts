/** `progtuning push`, and `finetune --push-to-hub`: a saved run -> a model repository on the Hugging Face hub. */
import type { Command } from 'commander';
import { type PushOptions, type PushTarget, pushFolder, pushTarget } from '../datasets/hub-push.js';
import { UsageError } from '../errors.js';

export interface PushFlags {
  readonly pushToHub?: boolean;
  readonly hubModelId?: string;
  readonly hubPrivateRepo?: boolean;
}

const optionsOf = ({ hubModelId, hubPrivateRepo }: PushFlags): PushOptions => ({
  repo: hubModelId,
  private: hubPrivateRepo,
});

const addTargetOptions = (command: Command): Command =>
  command
    .option('--hub-model-id <id>', "owner/name (default: the folder's name under the token's user)")
    .option('--hub-private-repo', 'a repository that is made for it is private');

export const addPushOptions = (command: Command): Command =>
  addTargetOptions(
    command.option(
      '--push-to-hub',
      'with --save: also to the Hugging Face hub; the token is that of HF_TOKEN or of hf auth login',
    ),
  );

/** What sends a run's folder to the hub once it is saved; undefined where that is not wanted. @throws UsageError, DataError before anything is trained */
export async function pusher(
  flags: PushFlags,
  save: string | undefined,
): Promise<(() => Promise<void>) | undefined> {
  if (!flags.pushToHub) {
    if (flags.hubModelId !== undefined || flags.hubPrivateRepo)
      throw new UsageError('--hub-model-id, --hub-private-repo go with --push-to-hub');
    return undefined;
  }
  if (save === undefined) throw new UsageError('--push-to-hub wants --save: that folder is sent');
  const options = optionsOf(flags);
  const target = await pushTarget(save, options);
  return () => push(save, options, target);
}

async function push(folder: string, options: PushOptions, target?: PushTarget): Promise<void> {
  const address = await pushFolder(folder, options, target);
  process.stderr.write(`${folder} is at ${address}\n`);
}

const EXAMPLES = `
Example:
  progtuning push runs/sst2-lora --hub-model-id me/sst2-lora --hub-private-repo`;

export function registerPush(program: Command): void {
  const command = program.command('push').argument('<folder>', 'of a --save');
  addTargetOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((folder: string, flags: PushFlags) => push(folder, optionsOf(flags)));
}
