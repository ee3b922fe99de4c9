/** Names by which models and data are known to other people: of what lies on this machine the last part of its path, never the path. */
import { existsSync } from 'node:fs';

const lastPart = (path: string): string => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;

/** `owner/name`, which a folder below the current one may look like. */
const isHubId = (name: string): boolean => /^\w[\w.-]*\/\w[\w.-]*$/.test(name) && !existsSync(name);

/** A hub id stays what it is. */
export const sharedModelName = (model: string): string => (isHubId(model) ? model : lastPart(model));

/** A file of the hub stays what it is. */
export const sharedDataName = (data: string): string => (data.startsWith('hf://') ? data : lastPart(data));

/** What is written under these keys is a model, or data. */
const NAMES: Readonly<Record<string, (source: string) => string>> = {
  model: sharedModelName,
  base_model_name_or_path: sharedModelName,
  name_or_path: sharedModelName,
  _name_or_path: sharedModelName,
  data: sharedDataName,
  validationFile: sharedDataName,
  testFile: sharedDataName,
};

/** A JSON value with {@link NAMES} in the place of paths. */
export function withoutPaths(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPaths);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      const named = NAMES[key];
      return [key, named && typeof entry === 'string' ? named(entry) : withoutPaths(entry)];
    }),
  );
}
