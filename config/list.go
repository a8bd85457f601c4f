package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// list reads a TOML array of texts.
func list(raw any) ([]string, error) {
	items, err := as[[]any](raw, formTexts)
	if err != nil {
		return nil, err
	}
	words := make([]string, 0, len(items))
	for i, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("item %d is %s, not a text", i+1, formOf(item))
		}
		words = append(words, s)
	}
	return words, nil
}

// unlist is a TOML array of items.
func unlist[T, R any](items []T, written func(T) R) any {
	raw := make([]any, len(items))
	for i, item := range items {
		raw[i] = written(item)
	}
	return raw
}

// texts is a list of words that check accepts.
func texts(at func(*Config) *[]string, check func([]string) error, allowed string) field {
	return value[[]string]{at, formTexts, allowed, func(raw any) ([]string, error) {
		words, err := list(raw)
		if err != nil {
			return nil, err
		}
		return words, check(words)
	}, func(words []string) any { return unlist(words, identity) }}
}

type addressList = []netip.Addr

// addresses is a list of different destinations; empty is nil.
func addresses(at func(*Config) *addressList) field {
	return value[addressList]{at, formTexts, "a list of different IPv4 addresses, of groups or of single receivers, such as \"239.69.10.1\", or []", func(raw any) (addressList, error) {
		words, err := list(raw)
		if err != nil {
			return nil, err
		}
		var groups addressList
		for _, word := range words {
			group, err := parseDestination(word)
			if err != nil {
				return nil, err
			}
			if slices.Contains(groups, group) {
				return nil, fmt.Errorf("%s twice: streams cannot share one", word)
			}
			groups = append(groups, group)
		}
		return groups, nil
	}, func(groups addressList) any { return unlist(groups, netip.Addr.String) }}
}

// decimals is a list of numbers from low to high; empty is nil.
func decimals(at func(*Config) *[]float64, low, high float64, unit string) field {
	one := decimal(nil, low, high).(value[float64])
	return value[[]float64]{at, formNumbers, fmt.Sprintf("a list of numbers of %s %s, or []", one.within, unit), func(raw any) ([]float64, error) {
		return eachItem(raw, formNumbers, one.parse)
	}, func(all []float64) any { return unlist(all, one.print) }}
}

// durations is a list of durations from low to high; empty is nil.
func durations(at func(*Config) *[]time.Duration, low, high time.Duration) field {
	one := duration(nil, low, high, "").(value[time.Duration])
	allowed := fmt.Sprintf("a list of durations from %s to %s in quotes, or []", shortDuration(low), shortDuration(high))
	return value[[]time.Duration]{at, formTexts, allowed, func(raw any) ([]time.Duration, error) {
		return eachItem(raw, formTexts, one.parse)
	}, func(all []time.Duration) any { return unlist(all, one.print) }}
}

func eachItem[T any](raw any, form string, parse func(any) (T, error)) (all []T, err error) {
	items, err := as[[]any](raw, form)
	if err != nil {
		return nil, err
	}
	if len(items) > aes67.MaxChannels {
		return nil, fmt.Errorf("%d items: more than a sink has channels", len(items))
	}
	for i, item := range items {
		x, err := parse(item)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
		all = append(all, x)
	}
	return all, nil
}

// otherSinks is a list of ids; empty is nil.
func otherSinks(at func(*Config) *[]string) field {
	return value[[]string]{at, formTexts, "a list of different ids of other sinks, or []", func(raw any) ([]string, error) {
		ids, err := list(raw)
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		return ids, checkPlaysInto(ids)
	}, func(ids []string) any { return unlist(ids, identity) }}
}

// checkPlaysInto looks at the ids by themselves.
func checkPlaysInto(ids []string) error {
	if len(ids) >= aes67.MaxStreams {
		return fmt.Errorf("%d sinks", len(ids))
	}
	for i, id := range ids {
		if checkSinkID(id) != nil {
			return fmt.Errorf("%q is not a sink.id", id)
		}
		if slices.Contains(ids[:i], id) {
			return fmt.Errorf("%q twice", id)
		}
	}
	return nil
}
