package policies

import (
	"encoding/json"
	"maps"
	"slices"
)

// reduce returns the smallest question that it finds for which differs is true, as it
// is for q. It removes one element at a time until nothing can be removed.
func reduce(q *Question, differs func(*Question) bool) *Question {
	for {
		smaller := slices.IndexFunc(simpler(q), differs)
		if smaller < 0 {
			return q
		}
		q = simpler(q)[smaller]
	}
}

// simpler returns all questions that are one step simpler than q, always in the same
// order.
func simpler(q *Question) []*Question {
	var all []*Question
	// try adds a copy of q that step has changed.
	try := func(step func(*Question)) {
		c := clone(q)
		step(c)
		all = append(all, c)
	}
	for i, p := range q.Policies {
		if len(q.Policies) > 1 {
			try(func(c *Question) { c.Policies = slices.Delete(c.Policies, i, i+1) })
		}
		for j, s := range p.Statement {
			if len(p.Statement) > 1 {
				try(func(c *Question) { c.Policies[i].Statement = slices.Delete(c.Policies[i].Statement, j, j+1) })
			}
			for _, smaller := range simplerStatements(&s) {
				try(func(c *Question) { c.Policies[i].Statement[j] = smaller })
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(q.Context)) {
		try(func(c *Question) { delete(c.Context, key) })
		for i := range q.Context[key] {
			if len(q.Context[key]) > 1 {
				try(func(c *Question) { c.Context[key] = slices.Delete(c.Context[key], i, i+1) })
			}
		}
	}
	return all
}

func simplerStatements(s *Statement) []Statement {
	var all []Statement
	try := func(step func(*Statement)) {
		c := s.clone()
		step(&c)
		all = append(all, c)
	}
	everything := []string{"*"}
	if !slices.Equal(s.Action, everything) {
		try(func(c *Statement) { c.Action, c.NotAction = everything, nil })
	}
	if !slices.Equal(s.Resource, everything) {
		try(func(c *Statement) { c.Resource, c.NotResource = everything, nil })
	}
	for _, list := range []func(*Statement) *[]string{
		func(c *Statement) *[]string { return &c.Action },
		func(c *Statement) *[]string { return &c.NotAction },
		func(c *Statement) *[]string { return &c.Resource },
		func(c *Statement) *[]string { return &c.NotResource },
	} {
		for i := range *list(s) {
			if len(*list(s)) > 1 {
				try(func(c *Statement) { *list(c) = slices.Delete(*list(c), i, i+1) })
			}
		}
	}
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		try(func(c *Statement) { delete(c.Condition, operator) })
		for key, operands := range s.Condition[operator] {
			for i := range operands {
				if len(operands) > 1 {
					try(func(c *Statement) { c.Condition[operator][key] = slices.Delete(c.Condition[operator][key], i, i+1) })
				}
			}
		}
	}
	return all
}

func (s *Statement) clone() Statement {
	return clone(&Question{Policies: []Policy{{Statement: []Statement{*s}}}}).Policies[0].Statement[0]
}

func clone(q *Question) *Question {
	b, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	c := new(Question)
	if err := json.Unmarshal(b, c); err != nil {
		panic(err)
	}
	return c
}
