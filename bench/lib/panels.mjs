// Panels of bars or lines, drawn by ECharts without a browser.

import * as echarts from 'echarts';

const WIDTH = 880;
const PANEL = 300;
/** The heights of a panel's heading and legend, and of the names below its bars. */
const ABOVE = 74;
const BELOW = 34;

const TEXT = { color: '#222222', fontFamily: 'sans-serif' };

/**
 * A chart as SVG. Its panels, one below the other, are `{ heading, axis, categories, series, lines }`, a series being
 * `{ name, values }` with null where there is none, drawn as a line if `lines` is true and else as bars; colours go by the series'
 * names. It has a background of its own, for
 * pages light and dark.
 */
export function draw(drawn, colours) {
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
    series: drawn.flatMap(({ series, lines = false }, at) =>
      series.map(({ name, values }) => ({
        type: lines ? 'line' : 'bar',
        silent: true,
        name,
        xAxisIndex: at,
        yAxisIndex: at,
        data: values,
        barGap: '8%',
        barCategoryGap: '24%',
        itemStyle: { color: colours[name] },
        ...(lines && { lineStyle: { color: colours[name] }, symbol: 'circle', symbolSize: 6 }),
      })),
    ),
  });
  const svg = instance.renderToSVGString();
  instance.dispose();
  return `${svg}\n`;
}
