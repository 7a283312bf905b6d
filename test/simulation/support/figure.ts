/** The figure of the page: one run of each client, over time. Pure. */

import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** Lines over time, one for each client. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly stepMs: number;
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
}

const width = 1_120;
const columnWidth = width / 2;
const rowHeight = 250;
const top = 46;
const colours: Readonly<Record<string, string>> = {
  transport: '#2f6fb7',
  fixed: '#5a9a53',
  'back-off': '#e08a2e',
  AIMD: '#a2559c',
};
const ink = '#24292f';
const faint = '#6e7781';

/** The panels two by two, on white: GitHub's dark theme shows it as it is. */
export function svgOf(panels: readonly Panel[]): string {
  const height = top + Math.ceil(panels.length / 2) * rowHeight;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  const placed = panels.map((panel, at) => ({
    ...{ panel, at, left: (at % 2) * columnWidth, y: top + Math.floor(at / 2) * rowHeight },
  }));
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  const option: EChartsCoreOption = {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'Helvetica, Arial, sans-serif', color: ink },
    title: placed.map(({ panel, left, y }) => ({
      ...{ text: panel.title, subtext: panel.unit, left: left + 18, top: y, itemGap: 4 },
      textStyle: { fontSize: 15, color: ink },
      subtextStyle: { fontSize: 12, color: faint },
    })),
    legend: { data: names, left: 18, top: 14, itemWidth: 18, itemGap: 26, textStyle: { fontSize: 12, color: ink } },
    grid: placed.map(({ left, y }) => ({
      left: left + 62,
      width: columnWidth - 100,
      top: y + 52,
      height: rowHeight - 92,
    })),
    xAxis: placed.map(({ at }) => ({
      ...{
        type: 'value',
        gridIndex: at,
        max: 'dataMax',
        axisLabel: { fontSize: 11, color: faint, formatter: '{value} s' },
      },
      splitLine: { show: false },
    })),
    yAxis: placed.map(({ at }) => ({
      ...{ type: 'value', gridIndex: at, min: 0, splitNumber: 4, axisLabel: { fontSize: 11, color: faint } },
      splitLine: { lineStyle: { color: '#e6e9ec' } },
    })),
    series: placed.flatMap(({ panel, at }) =>
      // The transport last, so that it is drawn above the others.
      panel.lines.toReversed().map(({ name, values }) => ({
        ...{ type: 'line', name, xAxisIndex: at, yAxisIndex: at, showSymbol: false },
        data: values.map((value, step) => [(step * panel.stepMs) / 1_000, Number(value.toFixed(2))]),
        lineStyle: { width: name === 'transport' ? 2.4 : 1.2, color: colours[name] },
        itemStyle: { color: colours[name] },
      })),
    ),
  };
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
