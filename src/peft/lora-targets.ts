/**
 * Which linear maps a LoRA goes into, with what rank and scale, and which modules are kept whole beside it: PEFT's rules.
 * Source: huggingface/peft 0.21, src/peft/tuners/tuners_utils.py (`check_target_module_exists`, `_maybe_include_all_linear_layers`),
 * src/peft/utils/other.py (`get_pattern_key`, `_set_trainable`), src/peft/tuners/lora/layer.py (scaling).
 */
import { UsageError } from '../errors.js';
import type { LinearMap } from '../models/modules.js';
import type { Lora } from './lora.js';
import { headModules, isWithin, linearMaps, type MethodBase, moduleNames, nameInBlock } from './modules.js';
import { layerNumbers, matchedModules, modulesByEnd, modulesWithin } from './python-regex.js';

export interface LoraMap extends LinearMap {
  readonly rank: number;
  /** What B A x is multiplied by. */
  readonly scale: number;
}

const ALL_LINEAR = 'all-linear';

/** PEFT's `modules_to_save`: the method's own and the head's. */
export const modulesToSave = (base: MethodBase, { modulesToSave = [] }: Lora): string[] => [
  ...new Set([...modulesToSave, ...headModules(base)]),
];

/** The modules that are kept whole. Deviation: a name that is found in nested modules is refused, as PEFT wraps such modules twice. @throws UsageError */
export function wholeModules(base: MethodBase, method: Lora): string[] {
  const names = modulesToSave(base, method);
  const found = moduleNames(base).filter((module) => names.some((name) => module.endsWith(name)));
  for (const inner of found) {
    const outer = found.find((module) => module !== inner && isWithin(inner, module));
    if (outer)
      throw new UsageError(
        `lora modules to save: both ${outer} and ${inner} inside it are named; give a longer name, e.g. ${outer}`,
      );
  }
  return found;
}

const isNamed = (module: string, name: string): boolean => module === name || module.endsWith(`.${name}`);

/** Modules that LoRA keeps out of: `exclude_modules` and whatever is kept whole. */
function excludedModules(base: MethodBase, method: Lora, modules: readonly string[]): Set<string> {
  const { excludeModules = [] } = method;
  const excluded =
    typeof excludeModules === 'string'
      ? matchedModules(excludeModules, modules, 'lora exclude modules')
      : modules.filter((module) => excludeModules.some((name) => isNamed(module, name)));
  const whole = modulesToSave(base, method).flatMap((name) =>
    modulesWithin(name, modules, 'lora modules to save'),
  );
  return new Set([...excluded, ...whole]);
}

/** A list names ends of paths; `layers_to_transform` then leaves only those of its blocks, but for paths given in full. */
function namedModules(targets: readonly string[], method: Lora, modules: readonly string[]): string[] {
  const { layersToTransform = [], layersPattern = [] } = method;
  const layers = layersToTransform.length > 0 ? layerNumbers(layersPattern, modules) : undefined;
  return modules.filter((module) => {
    if (targets.includes(module)) return true;
    if (!targets.some((target) => isNamed(module, target))) return false;
    const layer = layers?.get(module);
    return layers === undefined || (layer !== undefined && layersToTransform.includes(layer));
  });
}

export const isAllLinear = ({ targets }: Lora): boolean =>
  typeof targets === 'string' && targets.toLowerCase() === ALL_LINEAR;

function matched(base: MethodBase, method: Lora, modules: readonly string[]): string[] {
  const { targets } = method;
  if (typeof targets !== 'string') return namedModules(targets, method, modules);
  if (method.layersToTransform)
    throw new UsageError(
      `lora layers: with targets '${targets}', no list of names, the layers are not chosen apart; write them into the expression`,
    );
  return isAllLinear(method)
    ? linearMaps(base).map(({ module }) => module)
    : matchedModules(targets, modules, 'lora targets');
}

/** Of a list of patterns, the value of the first that matches, by module. */
function byModule(
  patterns: readonly (readonly [string, number])[],
  modules: readonly string[],
  name: string,
): Map<string, number> {
  const values = new Map<string, number>();
  for (const [pattern, value] of [...patterns].reverse())
    for (const module of modulesByEnd(pattern, modules, name)) values.set(module, value);
  return values;
}

const shown = ({ targets }: Lora): string => (typeof targets === 'string' ? targets : targets.join(','));

/** The names that a list of targets can have, e.g. `attention.self.query`, `pooler.dense`. */
const knownNames = (base: MethodBase, maps: readonly LinearMap[]): string[] => [
  ...new Set(maps.map((map) => nameInBlock(base, map))),
];

/** @throws UsageError for targets that match no linear map, or something else too */
export function loraMaps(base: MethodBase, method: Lora): LoraMap[] {
  const [maps, modules] = [linearMaps(base), moduleNames(base)];
  const excluded = excludedModules(base, method, modules);
  const targets = new Set(matched(base, method, modules).filter((module) => !excluded.has(module)));
  const targeted = maps.filter(({ module }) => targets.has(module));
  if (targeted.length === 0)
    throw new UsageError(
      `lora targets: no linear map '${shown(method)}'; there are: ${knownNames(
        base,
        maps.filter(({ module }) => !excluded.has(module)),
      ).join(', ')}`,
    );
  const other = [...targets].find((module) => !targeted.some((map) => map.module === module));
  if (other !== undefined)
    throw new UsageError(
      `lora targets: '${shown(method)}' also names ${other}, which is no linear map; LoRA goes into linear maps only`,
    );
  const whole = wholeModules(base, method);
  const both = [...targets].find((module) => whole.some((outer) => isWithin(module, outer)));
  if (both !== undefined)
    throw new UsageError(
      `lora modules to save: ${both} is kept whole, and a target too; name it in one place`,
    );
  const names = targeted.map(({ module }) => module);
  const ranks = byModule(method.rankPattern ?? [], names, 'lora rank pattern');
  const alphas = byModule(method.alphaPattern ?? [], names, 'lora alpha pattern');
  return targeted.map((map) => {
    const rank = ranks.get(map.module) ?? method.rank;
    const alpha = alphas.get(map.module) ?? method.alpha;
    return { ...map, rank, scale: alpha / (method.useRslora ? Math.sqrt(rank) : rank) };
  });
}

const refuse = (setting: string, text: string): never => {
  throw new UsageError(`lora ${setting}: ${text}`);
};

/**
 * What PEFT would pass over in silence, and what is most likely a slip of the pen: a name, pattern or layer that says nothing, a rank that no
 * layer can have. For a method that is about to be trained. @throws UsageError
 */
export function checkLora(base: MethodBase, method: Lora, initialised: readonly string[]): void {
  const { numHiddenLayers } = base.config;
  const beyond = method.layersToTransform?.find((layer) => layer >= numHiddenLayers);
  if (beyond !== undefined)
    refuse('layers', `${beyond} is not among the ${numHiddenLayers} layers 0..${numHiddenLayers - 1}`);
  const targeted = loraMaps(base, method);
  const [maps, modules] = [linearMaps(base), moduleNames(base)];
  const names = targeted.map(({ module }) => module);
  for (const target of typeof method.targets === 'string' ? [] : method.targets)
    if (!names.some((module) => isNamed(module, target)))
      refuse(
        'targets',
        maps.some(({ module }) => isNamed(module, target))
          ? `'${target}' is excluded, kept whole, or in none of the chosen layers`
          : `no linear map '${target}'; there are: ${knownNames(base, maps).join(', ')}`,
      );
  for (const { module, rank, outputs, inputs } of targeted) {
    // PEFT saves a fresh map with `modules_to_save`, which keeps LoRA out of it.
    if (initialised.includes(`${module}.weight`))
      refuse(
        'targets',
        `the model's file has no ${module}, so it must train whole: --head classifier+pooler`,
      );
    const limit = Math.min(outputs, inputs);
    const name = knownNames(
      base,
      maps.filter((map) => map.module === module),
    ).join();
    if (rank < 1 || rank > limit)
      refuse('rank', `${rank} is not from 1 to ${limit}, the limit of ${name} [${outputs}, ${inputs}]`);
  }
  for (const name of method.modulesToSave ?? [])
    if (!modules.some((module) => module.endsWith(name)))
      refuse('modules to save', `no module '${name}'; give the end of one's name, e.g. pooler, LayerNorm`);
  for (const [setting, patterns] of [
    ['rank pattern', method.rankPattern ?? []],
    ['alpha pattern', method.alphaPattern ?? []],
  ] as const)
    for (const [pattern] of patterns)
      if (modulesByEnd(pattern, names, `lora ${setting}`).length === 0)
        refuse(setting, `'${pattern}' matches none of ${shown(method)}`);
  if (method.layersPattern && !method.layersToTransform) refuse('layers pattern', 'needs the layers');
}
