/** What the parts of a chart are called. */
export const chartStrings = {
  chartAriaRoleDescription: 'line chart', xAxisAriaRoleDescription: 'x axis', yAxisAriaRoleDescription: 'y axis', detailPopoverDismissAriaLabel: 'Close',
  legendAriaLabel: 'Legend', filterLabel: '', filterPlaceholder: '', filterSelectedAriaLabel: 'selected',
};
