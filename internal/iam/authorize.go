package iam

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"confab/internal/chat"
	"confab/internal/policy"
)

// Keys are the tags of a call, for conditions in policies.
type Keys struct {
	// RequestTags are the tags in the request: aws:RequestTag/<key>.
	RequestTags map[string]string
	// TagKeys are the keys in the request, aws:TagKeys; nil means those of RequestTags.
	TagKeys []string
	// ResourceTags are the tags of the resource: aws:ResourceTag/<key>.
	ResourceTags map[string]string
}

// Authorize returns nil if the principal may do action, for example "ivschat:CreateRoom",
// to resource. The error is an AccessDenied that names user, action, resource and the
// reason. A nil Call is always denied.
//
// Credentials that were created over the API are bounded by those that created them. So for
// such a principal, the policies of each maker up the chain must allow the call as well,
// each evaluated with the maker's own name and times.
func (c *Call) Authorize(action string, resource chat.ARN, keys Keys) error {
	if c == nil || c.Principal == nil {
		return chat.Errorf(chat.AccessDenied, "Nobody is authorized to perform: %s on resource: %s without credentials", action, resource)
	}
	for p := c.Principal; p != nil && !p.Root; p = p.Maker {
		var why string
		switch policy.Evaluate(p.Policies, &policy.Request{Action: action, Resource: resource.String(), Context: c.context(p, resource, keys)}) {
		case policy.Allowed:
			continue
		case policy.ExplicitDeny:
			why = "with an explicit deny in an identity-based policy"
		default:
			why = "because no identity-based policy allows the " + action + " action"
		}
		if p != c.Principal {
			why += " to " + p.ARN + ", which made the credentials"
		}
		return chat.Errorf(chat.AccessDenied, "User: %s is not authorized to perform: %s on resource: %s %s", c.Principal.ARN, action, resource, why)
	}
	return nil
}

// context returns the condition keys of the call, made by p ("AWS global condition context keys"
// in the IAM User Guide). A key without a value is absent, as the guide states for each
// of them.
func (c *Call) context(p *Principal, resource chat.ARN, keys Keys) policy.Context {
	ctx := policy.Context{
		"aws:principalarn":          {p.ARN},
		"aws:principalaccount":      {p.Account},
		"aws:principaltype":         {"User"},
		"aws:principalisawsservice": {"false"},
		// Users have no id besides their name.
		"aws:userid":          {p.Name},
		"aws:username":        {p.Name},
		"aws:currenttime":     {c.Time.UTC().Format(time.RFC3339)},
		"aws:epochtime":       {strconv.FormatInt(c.Time.Unix(), 10)},
		"aws:securetransport": {strconv.FormatBool(c.SecureTransport)},
		"aws:requestedregion": {resource.Region},
		"aws:resourceaccount": {resource.Account},
	}
	if c.SourceIP.IsValid() {
		ctx["aws:sourceip"] = []string{c.SourceIP.Unmap().String()}
	}
	if c.UserAgent != "" {
		ctx["aws:useragent"] = []string{c.UserAgent}
	}
	if c.Referer != "" {
		ctx["aws:referer"] = []string{c.Referer}
	}
	if !p.TokenIssued.IsZero() {
		ctx["aws:tokenissuetime"] = []string{p.TokenIssued.UTC().Format(time.RFC3339)}
	}
	tagKeys := keys.TagKeys
	if tagKeys == nil {
		tagKeys = slices.Sorted(maps.Keys(keys.RequestTags))
	}
	if len(tagKeys) > 0 {
		ctx["aws:tagkeys"] = tagKeys
	}
	addTags(ctx, "aws:requesttag/", keys.RequestTags)
	addTags(ctx, "aws:resourcetag/", keys.ResourceTags)
	return ctx
}

// addTags adds a key for each tag. Condition keys are case-insensitive, so tags whose
// keys differ only in case are several values of one key. Package policy then uses the
// interpretation that grants less.
func addTags(ctx policy.Context, prefix string, tags map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		name := prefix + strings.ToLower(k)
		ctx[name] = append(ctx[name], tags[k])
	}
}
