// docs/performance.svg: three panels of bars, drawn by ECharts from the figures of a run.

import * as echarts from 'echarts';
import { contenders, timesOf, title, traces } from './summary.mjs';

const WIDTH = 880;
const PANEL = 300;
/** Of a panel: for its heading, its legend and the names below its bars. */
const ABOVE = 74;
const BELOW = 34;

/** One colour an allocator, told apart by those who see few colours too (after Okabe and Ito). */
const COLOURS = {
  MeMS: '#d55e00',
  'MeMS, joining and trimming': '#e69f00',
  libc: '#0072b2',
  'koffi + libc': '#0072b2',
  mimalloc: '#56b4e9',
  'mimalloc, no huge pages': '#a6d8f5',
  rlsf: '#009e73',
  talc: '#cc79a7',
  'offset-allocator': '#888888',
  'Buffer.allocUnsafeSlow': '#555555',
  '@thi.ng/malloc': '#f0e442',
};

/** Panels `{ heading, axis, categories, series }`, a series being `{ name, values }` with null where there is none. */
function panels(data) {
  const times = (where, heading, axis) => {
    const tables = timesOf(data, where, 'trace');
    const names = tables[0].rows.map(({ name }) => name);
    names.sort((a, b) => (title(b) === 'MeMS') - (title(a) === 'MeMS'));
    const value = ({ rows }, name) => rows.find((row) => row.name === name)?.ns ?? null;
    return {
      heading,
      axis,
      categories: tables.map(({ workload }) => workload),
      series: names.map((name) => ({
        name: title(name),
        values: tables.map((table) => value(table, name)),
      })),
    };
  };
  const resident = (name, trace) => {
    const row = data.footprint.find((row) => row.name === name && row.trace === trace);
    return row.resident.median / row.live;
  };
  return [
    times('native', 'Nanoseconds a call, natively', { min: 0 }),
    times('JavaScript', 'Nanoseconds a call, from JavaScript (logarithmic)', {
      type: 'log',
      min: 10,
    }),
    {
      heading:
        'Memory resident at most, times the most bytes live (logarithmic, 1 is nothing lost)',
      axis: { type: 'log', logBase: 2, min: 1 },
      categories: traces(data.footprint),
      series: contenders(data.footprint, 'resident').map((name) => ({
        name: title(name),
        values: traces(data.footprint).map((trace) => resident(name, trace)),
      })),
    },
  ];
}

const TEXT = { color: '#222222', fontFamily: 'sans-serif' };

/** The chart as SVG. It has a background of its own, for pages light and dark. */
export function chart(data) {
  const drawn = panels(data);
  const top = (at) => at * PANEL;
  const instance = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: drawn.length * PANEL,
  });
  instance.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: TEXT,
    title: drawn.map(({ heading }, at) => ({
      text: heading,
      left: 16,
      top: top(at) + 12,
      textStyle: { ...TEXT, fontSize: 14 },
    })),
    legend: drawn.map(({ series }, at) => ({
      selectedMode: false,
      data: series.map(({ name }) => name),
      left: 10,
      top: top(at) + 36,
      // Wide, as the width of text is only estimated without a browser.
      itemGap: 26,
      itemWidth: 12,
      itemHeight: 10,
      textStyle: TEXT,
    })),
    grid: drawn.map((_, at) => ({
      left: 56,
      right: 16,
      top: top(at) + ABOVE,
      height: PANEL - ABOVE - BELOW,
    })),
    xAxis: drawn.map(({ categories }, at) => ({
      type: 'category',
      gridIndex: at,
      data: categories,
      axisTick: { show: false },
      axisLabel: TEXT,
    })),
    yAxis: drawn.map(({ axis }, at) => ({
      type: 'value',
      gridIndex: at,
      axisLabel: TEXT,
      ...axis,
    })),
    series: drawn.flatMap(({ series }, at) =>
      series.map(({ name, values }) => ({
        type: 'bar',
        silent: true,
        name,
        xAxisIndex: at,
        yAxisIndex: at,
        data: values,
        barGap: '8%',
        barCategoryGap: '24%',
        itemStyle: { color: COLOURS[name] },
      })),
    ),
  });
  const svg = instance.renderToSVGString();
  instance.dispose();
  return `${svg}\n`;
}
