package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// serviceQuotas are the limits of quotas, printed as NAME=LIMIT. Names have no
// equal sign. What quotas there are, package quota knows.
type serviceQuotas []ServiceQuota

// parseServiceQuotas reads the lines that mapping makes.
func parseServiceQuotas(s string) (serviceQuotas, error) {
	limit := number(0, math.MaxInt32)
	set := map[string]bool{}
	var quotas serviceQuotas
	for line := range strings.Lines(s) {
		name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		n, err := limit(text)
		if err != nil {
			return nil, fmt.Errorf("%q is %q; it %w, and 0 sets no limit", name, text, err)
		}
		if set[name] {
			return nil, fmt.Errorf("%q is set twice; keep one of the two lines", name)
		}
		set[name] = true
		quotas = append(quotas, ServiceQuota{name, n})
	}
	return quotas, nil
}

// String returns the quotas in one line.
func (q serviceQuotas) String() string {
	parts := make([]string, len(q))
	for i, s := range q {
		parts[i] = s.Name + "=" + strconv.Itoa(s.Limit)
	}
	return strings.Join(parts, ", ")
}
