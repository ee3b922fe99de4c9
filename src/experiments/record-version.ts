/** Which engine made a record. */
import type { LedgerRecord } from './ledger.js';

/** Made before a record named the version of its engine: what the numbers of every legacy record are. */
const LEGACY_NUMERICAL_VERSION = 3;

/** What of a record says so. */
export interface Versioned {
  readonly identity?: Pick<NonNullable<LedgerRecord['identity']>, 'numericalVersion'> | undefined;
}

/** Of the engine that gave a record's numbers. */
export const numericalVersionOf = ({ identity }: Versioned): number =>
  identity?.numericalVersion ?? LEGACY_NUMERICAL_VERSION;
