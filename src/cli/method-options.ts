/** `--method` and the options of each method. */
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import type { HeadTraining } from '../models/parameters.js';
import { ADAPTER_DEFAULTS, ADAPTER_STYLES, type Adapter } from '../peft/adapter.js';
import { BITFIT_TERMS, type Bitfit } from '../peft/bitfit.js';
import { LORA_DEFAULTS } from '../peft/lora.js';
import { defaultHeadTraining, METHOD_KINDS, type Method } from '../peft/method.js';
import { numberBetween, positiveNumber, wholeNumber } from './numbers.js';

export interface MethodFlags {
  readonly method: Method['kind'];
  readonly head?: HeadTraining;
  readonly loraRank?: number;
  readonly loraAlpha?: number;
  readonly loraDropout?: number;
  readonly loraTargets?: string;
  readonly adapterStyle?: Adapter['style'];
  readonly adapterSize?: number;
  readonly adapterReduction?: number;
  readonly adapterActivation?: Adapter['activation'];
  readonly adapterLayerNorms?: boolean;
  readonly bitfitTerms?: Bitfit['terms'];
}

export const addMethodOptions = (command: Command): Command =>
  command
    .addOption(new Option('--method <kind>', 'fine-tuning method').choices(METHOD_KINDS).default('full'))
    .addOption(
      new Option(
        '--head <which>',
        'head that trains (default: classifier+pooler for full, classifier for the others)',
      ).choices(['classifier', 'classifier+pooler']),
    )
    .option('--lora-rank <r>', `LoRA rank (default: ${LORA_DEFAULTS.rank})`, wholeNumber('lora-rank', 0))
    .option(
      '--lora-alpha <alpha>',
      `LoRA scale is alpha / r (default: ${LORA_DEFAULTS.alpha})`,
      positiveNumber('lora-alpha'),
    )
    .option('--lora-dropout <rate>', 'dropout before A (default: 0)', numberBetween('lora-dropout', 0, 0.99))
    .option(
      '--lora-targets <names>',
      `linear maps, comma-separated (default: ${LORA_DEFAULTS.targets.join(',')})`,
    )
    .addOption(
      new Option('--adapter-style <style>', 'where adapters sit (default: houlsby)').choices(ADAPTER_STYLES),
    )
    .option('--adapter-size <n>', 'bottleneck (default: 64 for houlsby)', wholeNumber('adapter-size', 0))
    .option(
      '--adapter-reduction <f>',
      'bottleneck = hidden / f (default: 16 for pfeiffer)',
      positiveNumber('adapter-reduction'),
    )
    .addOption(
      new Option('--adapter-activation <name>', 'gelu for houlsby, relu for pfeiffer').choices([
        'gelu',
        'relu',
        'silu',
      ]),
    )
    .option('--adapter-layer-norms', 'the layer norms of the blocks train too')
    .addOption(
      new Option('--bitfit-terms <which>', 'which biases train (default: all)').choices(BITFIT_TERMS),
    );

function adapterOf(flags: MethodFlags): Adapter {
  const base = ADAPTER_DEFAULTS[flags.adapterStyle ?? 'houlsby'];
  if (flags.adapterSize !== undefined && flags.adapterReduction !== undefined) {
    throw new UsageError('--adapter-size and --adapter-reduction exclude each other: give one');
  }
  const given =
    flags.adapterSize !== undefined
      ? { size: flags.adapterSize }
      : flags.adapterReduction !== undefined
        ? { reduction: flags.adapterReduction }
        : base.bottleneck;
  return {
    ...base,
    bottleneck: given,
    activation: flags.adapterActivation ?? base.activation,
    layerNorms: flags.adapterLayerNorms ?? false,
  };
}

/** @throws UsageError for an option of a method that is not the chosen one */
export function methodOf(flags: MethodFlags): Method {
  const owner = Object.entries(flags).find(([key, value]) => {
    const of = /^(lora|adapter|bitfit)[A-Z]/.exec(key)?.[1];
    return value !== undefined && of !== undefined && of !== flags.method;
  });
  if (owner) {
    const option = owner[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(
      `--${option} is an option of --method ${option.split('-')[0]}, not of --method ${flags.method}`,
    );
  }
  switch (flags.method) {
    case 'full':
      return { kind: 'full' };
    case 'bitfit':
      return { kind: 'bitfit', terms: flags.bitfitTerms ?? 'all' };
    case 'adapter':
      return adapterOf(flags);
    case 'lora': {
      const [first, ...rest] = (flags.loraTargets ?? LORA_DEFAULTS.targets.join(','))
        .split(',')
        .map((target) => target.trim());
      return {
        kind: 'lora',
        rank: flags.loraRank ?? LORA_DEFAULTS.rank,
        alpha: flags.loraAlpha ?? LORA_DEFAULTS.alpha,
        dropout: flags.loraDropout ?? LORA_DEFAULTS.dropout,
        targets: [first as string, ...rest],
      };
    }
    default:
      throw new Error(`internal: unknown method '${flags.method satisfies never}'`);
  }
}

export const headTrainingOf = (flags: MethodFlags, method: Method): HeadTraining =>
  flags.head ?? defaultHeadTraining(method);
