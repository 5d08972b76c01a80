// Which alerts of docs/services.md fire for which heaps, as a test of promtool.
//
// Invariants: each alert fires for one heap at least, and stays silent for all others.

/** Minutes of the series: a day and two hours, since MemsLeak looks back for a day. */
const MINUTES = 26 * 60;

/** A heap without trouble. Values are those of a series as promtool writes them, or a number that stays. */
const WELL = {
  mems_mapped_bytes: 1000,
  mems_live_bytes: 600,
  mems_hole_bytes: 400,
  mems_limit_bytes: 2000,
  'mems_unusable_holes_ratio{size="65536"}': 0.3,
  mems_live_blocks: 100,
  mems_failed_mallocs_total: 7,
};

/** A value that becomes another one at the end, for some minutes. */
const atLast = (before, after, minutes) => `${before}x${MINUTES - minutes} ${after}x${minutes}`;

/** Heaps by what they are like: what differs from the one without trouble, and the alerts that fire at the end. */
const HEAPS = {
  well: [{}],
  'refuses requests': [{ mems_failed_mallocs_total: `0+1x${MINUTES}` }, 'MemsOutOfMemory'],
  'is near its limit': [{ mems_limit_bytes: 650 }, 'MemsNearLimit'],
  'is near its limit for a moment': [{ mems_live_bytes: atLast(600, 1900, 5) }],
  'has no limit': [{ mems_limit_bytes: undefined }],
  'has ever more blocks': [{ mems_live_blocks: `100+1x${MINUTES}` }, 'MemsLeak'],
  'has more blocks now and then': [{ mems_live_blocks: '100x29 200x29 '.repeat(26) }],
  'is mostly free, in small holes': [
    {
      'mems_unusable_holes_ratio{size="65536"}': 0.95,
      mems_live_bytes: 300,
      mems_hole_bytes: 700,
    },
    'MemsFragmented',
  ],
  'is mostly free, in large holes': [{ mems_live_bytes: 300, mems_hole_bytes: 700 }],
  'has small holes, and few of them': [{ 'mems_unusable_holes_ratio{size="65536"}': 0.95 }],
};

/** The test of the rules in a file, as promtool reads it: JSON is YAML. Each heap is in a series of a job and an instance of its own. */
export function testOfAlerts(rules) {
  const tests = Object.entries(HEAPS).map(([name, [other, ...alerts]]) => {
    const series = Object.entries({ ...WELL, ...other })
      .filter(([, value]) => value !== undefined)
      .map(([metric, value]) => {
        const [base, label] = metric.replace('}', '').split('{');
        const labels = ['heap="h"', 'job="j"', 'instance="i"', ...(label ? [label] : [])];
        const values = typeof value === 'number' ? `${value}x${MINUTES}` : value;
        return { series: `${base}{${labels.join()}}`, values };
      });
    const samples = alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 }));
    return {
      name,
      interval: '1m',
      input_series: series,
      promql_expr_test: [
        {
          expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: `${MINUTES - 1}m`,
          exp_samples: samples,
        },
      ],
    };
  });
  return JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests });
}

/** The alerts of the test. */
export const tested = [...new Set(Object.values(HEAPS).flatMap(([, ...alerts]) => alerts))].sort();
