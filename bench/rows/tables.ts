import type { Call } from '../harness.ts';
import { functionsTable } from './functions.ts';
import { layersTable } from './layers.ts';
import { kinds, type Table } from './row.ts';
import { sdksTable } from './sdks.ts';

/** All tables that are measured in process. */
export function tables(): Table[] {
  return [layersTable(), functionsTable(), sdksTable()];
}

/** The name under which a row's call is measured. */
export function nameOf(table: number, row: number, kind: (typeof kinds)[number]): string {
  return `${table}.${row}.${kind}`;
}

/** All calls of all tables, by name. */
export function callsOf(all: readonly Table[]): Map<string, Call> {
  const calls = new Map<string, Call>();
  all.forEach(({ rows }, table) => {
    rows.forEach((row, index) => {
      for (const kind of kinds) {
        const call = row.calls[kind];
        if (call !== undefined) calls.set(nameOf(table, index, kind), call);
      }
    });
  });
  return calls;
}
