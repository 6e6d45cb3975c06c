// A table of resources, with a filter over their properties, sorting and pages.
import { useCollection } from '@cloudscape-design/collection-hooks';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import PropertyFilter, { type PropertyFilterProps } from '@cloudscape-design/components/property-filter';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import { type ReactNode, useState } from 'react';
import type { Loaded } from '../confab/load';
import { count } from './count';
import { Nothing, Trouble } from './state';

interface Props<T> {
  title: string;
  description?: string;
  /** In the singular: "room". */
  kind: string;
  loaded: Loaded<T[]>;
  columns: TableProps.ColumnDefinition<T>[];
  properties: PropertyFilterProps.FilteringProperty[];
  trackBy: string;
  /** Buttons for the selected item. */
  actions?: ReactNode;
  create?: ReactNode;
  empty: string;
  selected?: T;
  onSelect?: (item: T | undefined) => void;
}

/**
 * What is selected in a list, and the question that is open about an item. The question stays
 * when the item disappears: something may be typed in it.
 */
export function useSelection<T, Question extends string = 'delete'>({ data, reload }: Loaded<T[]>, key: keyof T) {
  const [chosen, select] = useState<T>();
  const [asked, setAsked] = useState<{ question: Question; item: T }>();
  const selected = data?.find((item) => item[key] === chosen?.[key]);
  const ask = (question: Question) => selected && setAsked({ question, item: selected });
  const close = (done: boolean) => {
    setAsked(undefined);
    if (done) reload();
  };
  return { selected, select, asked, ask, close };
}

export function List<T>({ title, description, kind, loaded, columns, properties, trackBy, actions, create, empty, selected, onSelect }: Props<T>) {
  const all = loaded.data ?? [];
  const { items, collectionProps, propertyFilterProps, paginationProps, filteredItemsCount, actions: change } = useCollection(all, {
    propertyFiltering: {
      filteringProperties: properties,
      noMatch: <Nothing title="Nothing matches" action={<Button onClick={() => change.setPropertyFiltering({ tokens: [], operation: 'and' })}>Clear the filter</Button>} />,
      empty: loaded.data ? <Nothing title={`There is no ${kind}`} text={empty} action={create} /> : <Nothing title="Nothing was loaded" />,
    },
    pagination: { pageSize: 25 },
    sorting: { defaultState: { sortingColumn: columns[0] } },
  });
  return (
    <SpaceBetween size="m">
      {loaded.problem && <Trouble problem={loaded.problem} reload={loaded.reload} />}
      <Table
        {...collectionProps}
        variant="full-page"
        stickyHeader
        items={items}
        columnDefinitions={columns}
        trackBy={trackBy}
        loading={loaded.loading && !loaded.data}
        loadingText="Loading"
        enableKeyboardNavigation
        wrapLines
        selectionType={onSelect ? 'single' : undefined}
        selectedItems={selected ? [selected] : []}
        onSelectionChange={({ detail }) => onSelect?.(detail.selectedItems[0])}
        ariaLabels={{
          selectionGroupLabel: title, itemSelectionLabel: (_, item) => `Select ${(item as { name?: string }).name || (item as Record<string, string>)[trackBy]}`, tableLabel: title,
        }}
        header={
          <Header
            variant="h1" description={description} counter={loaded.data ? `(${all.length})` : undefined}
            actions={<SpaceBetween direction="horizontal" size="xs"><Button iconName="refresh" ariaLabel="Refresh" onClick={loaded.reload} loading={loaded.loading && !!loaded.data} />{actions}{create}</SpaceBetween>}
          >{title}</Header>
        }
        filter={
          <PropertyFilter
            {...propertyFilterProps} filteringPlaceholder={`Find a ${kind} by its properties`} filteringAriaLabel={`Find a ${kind}`}
            countText={count(filteredItemsCount ?? 0, 'match', 'matches')} expandToViewport
          />
        }
        pagination={<Pagination {...paginationProps} />}
      />
    </SpaceBetween>
  );
}
