/** The figure of the page: what was measured, as bars. Pure. */

import { BarChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { figure } from './sheet.ts';

use([BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** Bars side by side, a group for each label. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly labels: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly (number | undefined)[] }[];
}

const width = 1_120;
const columnWidth = width / 2;
const labelWidth = 228;
const rowHeight = 21;
const headHeight = 62;
const footHeight = 34;
const colours = ['#2f6fb7', '#e08a2e', '#5a9a53'];
const ink = '#24292f';
const faint = '#6e7781';

/** The panels two by two, on white: GitHub's dark theme shows it as it is. */
export function svgOf(panels: readonly Panel[]): string {
  const heightOf = ({ labels, series }: Panel): number =>
    headHeight + footHeight + labels.length * Math.max(rowHeight, series.length * 15 + 8);
  const heights: number[] = [];
  for (let at = 0; at < panels.length; at += 2) heights.push(Math.max(...panels.slice(at, at + 2).map(heightOf)));
  const height = heights.reduce((sum, each) => sum + each, 0);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  const placed = panels.map((panel, at) => {
    const row = Math.floor(at / 2);
    const top = heights.slice(0, row).reduce((sum, each) => sum + each, 0);
    return { panel, at, left: (at % 2) * columnWidth, top, bottom: top + heightOf(panel) };
  });
  const option: EChartsCoreOption = {
    animation: false,
    backgroundColor: '#ffffff',
    color: colours,
    textStyle: { fontFamily: 'Helvetica, Arial, sans-serif', color: ink },
    title: placed.map(({ panel, left, top }) => ({
      text: panel.title,
      subtext: panel.unit,
      left: left + 18,
      top: top + 12,
      itemGap: 4,
      textStyle: { fontSize: 15, color: ink },
      subtextStyle: { fontSize: 12, color: faint },
    })),
    legend: placed
      .filter(({ panel }) => panel.series.length > 1)
      .map(({ panel, left, top }) => ({
        data: panel.series.map(({ name }) => name),
        left: left + 300,
        top: top + 30,
        itemWidth: 12,
        itemGap: 26,
        itemHeight: 9,
        textStyle: { fontSize: 12, color: ink },
      })),
    grid: placed.map(({ left, top, bottom }) => ({
      left: left + labelWidth,
      width: columnWidth - labelWidth - 75,
      top: top + headHeight,
      height: bottom - top - headHeight - footHeight,
      containLabel: false,
    })),
    xAxis: placed.map(({ at }) => ({
      type: 'value',
      gridIndex: at,
      splitNumber: 4,
      axisLabel: { fontSize: 11, color: faint },
      splitLine: { lineStyle: { color: '#e6e9ec' } },
    })),
    yAxis: placed.map(({ panel, at }) => ({
      type: 'category',
      gridIndex: at,
      inverse: true,
      data: [...panel.labels],
      axisTick: { show: false },
      axisLine: { lineStyle: { color: '#b8bec4' } },
      axisLabel: { fontSize: 12, color: ink, width: labelWidth - 20, overflow: 'truncate' },
    })),
    series: placed.flatMap(({ panel, at }) =>
      panel.series.map(({ name, values }, index) => ({
        type: 'bar',
        name,
        xAxisIndex: at,
        yAxisIndex: at,
        data: values.map((value) => value ?? null),
        itemStyle: { color: colours[index] },
        barMaxWidth: 13,
        label: {
          show: true,
          position: 'right',
          fontSize: 11,
          color: ink,
          formatter: ({ value }: { value: unknown }) => (typeof value === 'number' ? figure(value) : ''),
        },
      })),
    ),
  };
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
