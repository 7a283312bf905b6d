/** What the figure shows of what was measured. Pure. */

import type { Panel } from './figure.ts';
import { concurrencies, type LoopbackResult } from './loopback.ts';
import { type Figures, wireNames } from './sheets.ts';
import { spreadOf } from './statistics.ts';

const most = concurrencies[concurrencies.length - 1];

export function panelsOf(
  layers: readonly Figures[],
  libraries: readonly Figures[],
  loopback: readonly LoopbackResult[],
): Panel[] {
  const labels = layers.map(({ label }) => label);
  const busy = loopback.filter(({ concurrency }) => concurrency === most);
  const busyLabels = [...new Set(busy.map(({ label }) => label))];
  return [
    {
      title: 'A unary call, layer by layer',
      unit: 'µs in the middle (p50), around a stub adapter',
      labels,
      series: [{ name: 'p50', values: layers.map(({ unary }) => unary?.p50Us) }],
    },
    {
      title: 'A chunk of a stream, layer by layer',
      unit: 'ns for each further chunk',
      labels,
      series: [{ name: 'chunk', values: layers.map(({ chunkNs }) => chunkNs?.median) }],
    },
    {
      title: "Over OpenAI's wire, in process",
      unit: 'µs of CPU per call',
      labels: libraries.map(({ label }) => label),
      series: [
        { name: wireNames.json, values: libraries.map(({ unary }) => unary?.cpuUs.median) },
        { name: wireNames.sse, values: libraries.map(({ stream }) => stream?.cpuUs.median) },
      ],
    },
    {
      title: `Over loopback HTTP, ${most} calls at once`,
      unit: 'calls per second',
      labels: busyLabels,
      series: (['json', 'sse'] as const).map((wire) => ({
        name: wireNames[wire],
        values: busyLabels.map((label) => {
          const own = busy.find((one) => one.label === label && one.wire === wire);
          return own === undefined ? undefined : spreadOf(own.callsPerSecond).median;
        }),
      })),
    },
  ];
}
