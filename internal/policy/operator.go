package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operand is one value of a condition: it reports whether it matches a value of the
// request. An operand with an undefined variable matches nothing.
type operand func(value string, ctx Context) bool

// operator is a condition operator of the policy language, without prefix and suffix.
type operator struct {
	// negated operators hold if no operand matches.
	negated bool
	// bare is the kind of JSON value, besides a string, that an operand may be: 0 for
	// numbers, t for booleans, " for strings only.
	bare byte
	// parse makes an operand. Only operators on strings and ARNs expand variables.
	parse func(s string, d dialect) (operand, error)
	null  bool
}

// operators are all condition operators of the IAM User Guide ("IAM JSON policy
// elements: Condition operators").
var operators = map[string]*operator{
	"StringEquals":              {bare: '"', parse: equals},
	"StringNotEquals":           {bare: '"', parse: equals, negated: true},
	"StringEqualsIgnoreCase":    {bare: '"', parse: equalsIgnoreCase},
	"StringNotEqualsIgnoreCase": {bare: '"', parse: equalsIgnoreCase, negated: true},
	"StringLike":                {bare: '"', parse: like},
	"StringNotLike":             {bare: '"', parse: like, negated: true},

	// The two pairs of operators on ARNs are equivalent: both have wildcards.
	"ArnEquals":    {bare: '"', parse: arnLike},
	"ArnNotEquals": {bare: '"', parse: arnLike, negated: true},
	"ArnLike":      {bare: '"', parse: arnLike},
	"ArnNotLike":   {bare: '"', parse: arnLike, negated: true},

	"NumericEquals":            {bare: '0', parse: numeric(0)},
	"NumericNotEquals":         {bare: '0', parse: numeric(0), negated: true},
	"NumericLessThan":          {bare: '0', parse: numeric(-1)},
	"NumericLessThanEquals":    {bare: '0', parse: numeric(-1, 0)},
	"NumericGreaterThan":       {bare: '0', parse: numeric(1)},
	"NumericGreaterThanEquals": {bare: '0', parse: numeric(1, 0)},

	"DateEquals":            {bare: '0', parse: date(0)},
	"DateNotEquals":         {bare: '0', parse: date(0), negated: true},
	"DateLessThan":          {bare: '0', parse: date(-1)},
	"DateLessThanEquals":    {bare: '0', parse: date(-1, 0)},
	"DateGreaterThan":       {bare: '0', parse: date(1)},
	"DateGreaterThanEquals": {bare: '0', parse: date(1, 0)},

	"Bool":         {bare: 't', parse: boolean},
	"BinaryEquals": {bare: '"', parse: binary},
	"IpAddress":    {bare: '"', parse: ipAddress},
	"NotIpAddress": {bare: '"', parse: ipAddress, negated: true},
	"Null":         {bare: 't', null: true},
}

var operatorNames = strings.Join(slices.Sorted(maps.Keys(operators)), ", ")

// onText makes an operand from a string that may have variables.
func onText(s string, d dialect, match func(pattern, value string) bool) (operand, error) {
	t, err := parseText(s, d)
	if err != nil {
		return nil, err
	}
	return func(value string, ctx Context) bool {
		pattern, ok := t.expand(ctx)
		return ok && match(pattern, value)
	}, nil
}

func equals(s string, d dialect) (operand, error) {
	return onText(s, d, func(pattern, value string) bool { return pattern == value })
}

func equalsIgnoreCase(s string, d dialect) (operand, error) {
	return onText(s, d, strings.EqualFold)
}

func like(s string, d dialect) (operand, error) {
	d.wildcards = true
	return onText(s, d, glob)
}

func arnLike(s string, d dialect) (operand, error) {
	p, err := parseARN(s, d)
	if err != nil {
		return nil, err
	}
	return p.match, nil
}

// onOrder makes a parser of operands that compare. outcomes are the matching results
// of comparing the request's value with the policy's. A value of the request that
// cannot be parsed matches nothing.
func onOrder[T any](read func(string) (T, error), compare func(a, b T) int, outcomes []int) func(string, dialect) (operand, error) {
	return func(s string, _ dialect) (operand, error) {
		want, err := read(s)
		if err != nil {
			return nil, err
		}
		return func(value string, _ Context) bool {
			got, err := read(value)
			return err == nil && slices.Contains(outcomes, compare(got, want))
		}, nil
	}
}

func numeric(outcomes ...int) func(string, dialect) (operand, error) {
	return onOrder(readNumber, cmp.Compare[float64], outcomes)
}

func readNumber(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !only(s, "0123456789+-.eE") {
		return 0, errors.New("this is no number; allowed are integers and decimals")
	}
	return f, nil
}

func date(outcomes ...int) func(string, dialect) (operand, error) {
	return onOrder(readDate, time.Time.Compare, outcomes)
}

func boolean(s string, _ dialect) (operand, error) {
	want, err := readBool(s)
	if err != nil {
		return nil, err
	}
	return func(value string, _ Context) bool {
		got, err := readBool(value)
		return err == nil && got == want
	}, nil
}

func readBool(s string) (bool, error) {
	yes, no := strings.EqualFold(s, "true"), strings.EqualFold(s, "false")
	if !yes && !no {
		return false, errors.New("allowed: true, false")
	}
	return yes, nil
}

// binary compares bytes, which the policy has in base64.
func binary(s string, _ dialect) (operand, error) {
	want, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("this is not base64")
	}
	return func(value string, _ Context) bool { return bytes.Equal([]byte(value), want) }, nil
}

// ipAddress matches an address or a range in CIDR notation, IPv4 or IPv6. Bits after
// the prefix are ignored.
func ipAddress(s string, _ dialect) (operand, error) {
	want, err := netip.ParsePrefix(s)
	if err != nil {
		address, err := netip.ParseAddr(s)
		if err != nil || address.Zone() != "" {
			return nil, errors.New("this is neither an IP address nor a range in CIDR notation, such as 203.0.113.0/24 or 2001:db8::/32")
		}
		want = netip.PrefixFrom(address, address.BitLen())
	}
	return func(value string, _ Context) bool {
		got, err := netip.ParseAddr(value)
		return err == nil && want.Contains(got.Unmap().WithZone(""))
	}, nil
}
