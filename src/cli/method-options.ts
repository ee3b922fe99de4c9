/** `--method` and the options of each method. */
import { type Command, Option } from 'commander';
import { resolveModel } from '../datasets/source.js';
import { UsageError } from '../errors.js';
import { readConfig } from '../models/config-file.js';
import { FAMILIES, familyOf } from '../models/families.js';
import type { Family } from '../models/family.js';
import type { HeadTraining } from '../models/parameters.js';
import { ADAPTER_DEFAULTS, ADAPTER_STYLES, type Adapter } from '../peft/adapter.js';
import { BITFIT_TERMS, type Bitfit } from '../peft/bitfit.js';
import { LORA_BIASES, LORA_DEFAULTS, type Lora } from '../peft/lora.js';
import { defaultHeadTraining, METHOD_KINDS, type Method } from '../peft/method.js';
import { numberBetween, positiveNumber, wholeNumber } from './numbers.js';

export interface MethodFlags {
  readonly method: Method['kind'];
  readonly head?: HeadTraining;
  readonly loraRank?: number;
  readonly loraAlpha?: number;
  readonly loraDropout?: number;
  readonly loraTargetModules?: Lora['targets'];
  readonly loraExcludeModules?: Lora['targets'];
  readonly loraModulesToSave?: [string, ...string[]];
  readonly loraRankPattern?: NonNullable<Lora['rankPattern']>;
  readonly loraAlphaPattern?: NonNullable<Lora['alphaPattern']>;
  readonly loraLayers?: [number, ...number[]];
  readonly loraLayersPattern?: [string, ...string[]];
  readonly loraBias?: (typeof LORA_BIASES)[number];
  readonly loraUseRslora?: boolean;
  readonly adapterStyle?: Adapter['style'];
  readonly adapterSize?: number;
  readonly adapterReduction?: number;
  readonly adapterActivation?: Adapter['activation'];
  readonly adapterLayerNorms?: boolean;
  readonly bitfitTerms?: Bitfit['terms'];
}

type List<T> = [T, ...T[]];

const LORA_DEFAULT_TARGETS = LORA_DEFAULTS.targets as List<string>;

/** `query,value; gpt2: c_attn; ...` */
const DEFAULT_TARGETS_TEXT = [
  LORA_DEFAULT_TARGETS.join(','),
  ...Object.entries(FAMILIES)
    .filter(([, { causal }]) => causal)
    .map(([type, { loraTargets }]) => `${type}: ${loraTargets.join(',')}`),
].join('; ');

const names = (text: string): List<string> => text.split(',').map((name) => name.trim()) as List<string>;

/** `query,attention.output.dense` is a list of names; anything with another character than theirs an expression, as is `all-linear`. */
const namesOrExpression = (text: string): Lora['targets'] =>
  /^[\w.,\s]*$/.test(text) ? names(text) : text.trim();

/** `0,2` and `4-11`, also mixed. @throws UsageError */
function layerList(text: string): List<number> {
  return names(text).flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(from <= to))
      throw new UsageError(`--lora-layers: '${part}' is no layer and no range of layers; write 0,2 or 4-11`);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  }) as List<number>;
}

/** Collects `name=value`, given once or more. */
const patternsOf =
  <T>(option: string, value: (text: string) => T) =>
  (text: string, former: [string, T][] = []): [string, T][] => {
    const at = text.lastIndexOf('=');
    if (at < 1) throw new UsageError(`--${option}: '${text}' is not name=value, e.g. query=4`);
    return [...former, [text.slice(0, at), value(text.slice(at + 1))]];
  };

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
      '--lora-targets, --lora-target-modules <names>',
      `linear maps by the ends of their names, comma-separated; all-linear; or a regular expression (Python's) of whole names (default: ${DEFAULT_TARGETS_TEXT})`,
      namesOrExpression,
    )
    .option('--lora-exclude-modules <names>', 'maps without LoRA: names or an expression', namesOrExpression)
    .option(
      '--lora-modules-to-save <names>',
      'modules that train whole beside the head, e.g. LayerNorm',
      names,
    )
    .option(
      '--lora-rank-pattern <name=r...>',
      'rank of the maps whose name ends so',
      patternsOf('lora-rank-pattern', wholeNumber('lora-rank-pattern', 1)),
    )
    .option(
      '--lora-alpha-pattern <name=alpha...>',
      'alpha of the maps whose name ends so',
      patternsOf('lora-alpha-pattern', positiveNumber('lora-alpha-pattern')),
    )
    .option('--lora-layers <numbers>', 'blocks that take LoRA, e.g. 0,2 or 4-11 (default: all)', layerList)
    .option('--lora-layers-pattern <names>', 'what the list of blocks is called, e.g. layer', names)
    .addOption(
      new Option('--lora-bias <which>', 'biases that train beside LoRA (default: none)').choices(LORA_BIASES),
    )
    .option('--use-rslora, --lora-use-rslora', 'LoRA scale is alpha / sqrt(r)')
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

/** What is not given is absent, so that a run's identity does not change with options that came later. */
function loraOf(flags: MethodFlags, targets: Targets): Lora {
  const { loraExcludeModules, loraModulesToSave, loraRankPattern, loraAlphaPattern, loraLayers } = flags;
  return {
    ...LORA_DEFAULTS,
    rank: flags.loraRank ?? LORA_DEFAULTS.rank,
    alpha: flags.loraAlpha ?? LORA_DEFAULTS.alpha,
    dropout: flags.loraDropout ?? LORA_DEFAULTS.dropout,
    targets: flags.loraTargetModules ?? [...targets],
    ...(loraExcludeModules && { excludeModules: loraExcludeModules }),
    ...(loraModulesToSave && { modulesToSave: loraModulesToSave }),
    ...(loraRankPattern && { rankPattern: loraRankPattern }),
    ...(loraAlphaPattern && { alphaPattern: loraAlphaPattern }),
    ...(loraLayers && { layersToTransform: loraLayers }),
    ...(flags.loraLayersPattern && { layersPattern: flags.loraLayersPattern }),
    ...(flags.loraBias && flags.loraBias !== 'none' ? { bias: flags.loraBias } : {}),
    ...(flags.loraUseRslora && { useRslora: true }),
  };
}

type Targets = Family['loraTargets'];

/** The method for a model: LoRA's targets are by default those of its family. @throws UsageError as {@link methodOf}, DataError for a model that cannot be read */
export async function methodFor(flags: MethodFlags, model: string): Promise<Method> {
  if (flags.method !== 'lora' || flags.loraTargetModules) return methodOf(flags);
  return methodOf(flags, familyOf(await readConfig(await resolveModel(model))).loraTargets);
}

/** @throws UsageError for an option of a method that is not the chosen one */
export function methodOf(flags: MethodFlags, targets: Targets = LORA_DEFAULT_TARGETS): Method {
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
    case 'lora':
      return loraOf(flags, targets);
    default:
      throw new Error(`internal: unknown method '${flags.method satisfies never}'`);
  }
}

export const headTrainingOf = (flags: MethodFlags, method: Method): HeadTraining =>
  flags.head ?? defaultHeadTraining(method);
