/** The one public door. */
export * from './models/config.js';
export * from './models/parameters.js';
export { modelSpecs } from './models/specs.js';
