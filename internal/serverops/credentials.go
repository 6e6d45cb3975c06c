package serverops

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/operation"
)

// Credentials stores the credentials of callers: *store.DB.
type Credentials interface {
	CreateCredentials(ctx context.Context, c *iam.Credentials, policy []byte) error
	ListCredentials(ctx context.Context) ([]*iam.Credentials, error)
	DeleteCredentials(ctx context.Context, name, accessKeyID string) error
}

// The bounds of credentials that are made over the API.
const (
	maxCredentials = 1000
	maxMakers      = 8
)

// CredentialsDescription is credentials without their secret.
type CredentialsDescription struct {
	// The name of the user.
	Name string `json:"name"`
	// The ARN of the user, as policies name it.
	ARN string `json:"arn"`
	// The access key id.
	AccessKeyID string `json:"accessKeyId"`
	// When they were created.
	CreateTime string `json:"createTime" rule:"time"`
	// When they expire; absent for those that do not.
	ExpirationTime *string `json:"expirationTime,omitzero" rule:"time"`
	// The ARN of the user that created them. It is that of the root if an administrator
	// did.
	CreatedBy string `json:"createdBy"`
}

func (s *Service) describeCredentials(c *iam.Credentials) CredentialsDescription {
	d := CredentialsDescription{
		Name: c.Principal.Name, ARN: c.Principal.ARN, AccessKeyID: c.AccessKeyID,
		CreateTime: chat.FormatTime(c.CreateTime), CreatedBy: "arn:aws:iam::" + s.Account + ":root",
	}
	if m := c.Principal.Maker; m != nil {
		d.CreatedBy = m.ARN
	}
	if !c.Expires.IsZero() {
		d.ExpirationTime = new(chat.FormatTime(c.Expires))
	}
	return d
}

// onServer authorizes an operation on the server itself.
func (s *Service) onServer(ctx context.Context, operation string) error {
	return iam.CallFrom(ctx).Authorize("confab:"+operation, chat.ARN{Region: s.Region, Account: s.Account}, iam.Keys{})
}

// madeBy reports whether the caller is the root or one of the makers of p.
func madeBy(p, caller *iam.Principal) bool {
	if caller.Root {
		return true
	}
	for m := p.Maker; m != nil; m = m.Maker {
		if m.AccessKeyID == caller.AccessKeyID {
			return true
		}
	}
	return false
}

// CreateCredentialsInput is what CreateCredentials takes.
type CreateCredentialsInput struct {
	// The name of the user, 1 to 64 letters, digits and _+=,.@-.
	Name *string `json:"name" rule:"required 1..64"`
	// The IAM policy of the user, a JSON document as text.
	Policy *string `json:"policy" rule:"required 1..6144"`
	// How long the credentials are valid; without an end if it is absent. Credentials do
	// not outlive those that created them.
	DurationInSeconds *int32 `json:"durationInSeconds" rule:"900..129600"`
}

// CreateCredentialsOutput is the new credentials. The secret is shown only here.
type CreateCredentialsOutput struct {
	// The name of the user.
	Name string `json:"name"`
	// The ARN of the user, as policies name it.
	ARN string `json:"arn"`
	// The access key id.
	AccessKeyID string `json:"accessKeyId"`
	// The secret access key.
	SecretAccessKey string `json:"secretAccessKey"`
	// The session token of credentials that expire.
	SessionToken *string `json:"sessionToken,omitzero"`
	// When they expire; absent for those that do not.
	ExpirationTime *string `json:"expirationTime,omitzero" rule:"time"`
}

// CreateCredentials creates credentials with a policy. They are bounded by those of the
// caller: a request with them must be allowed by their own policy and by the policies of
// all credentials up the chain that created them. They end when the credentials of the
// caller end.
func (s *Service) CreateCredentials(ctx context.Context, in *CreateCredentialsInput) (*CreateCredentialsOutput, error) {
	if err := s.onServer(ctx, "CreateCredentials"); err != nil {
		return nil, err
	}
	caller := iam.CallFrom(ctx).Principal
	makers := 1
	for m := caller.Maker; m != nil; m = m.Maker {
		makers++
	}
	if makers > maxMakers {
		return nil, chat.Errorf(chat.AccessDenied, "Credentials have at most %d makers, each made by the one before; have one of them make these", maxMakers)
	}
	all, err := s.o.Credentials.ListCredentials(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) >= maxCredentials {
		return nil, &chat.Error{
			Code: chat.QuotaExceeded, Limit: maxCredentials, Resource: chat.ARN{Type: chat.CredentialsResource},
			Message: "The account has as many credentials as it may have",
		}
	}
	var expires time.Time
	if in.DurationInSeconds != nil {
		expires = s.Now().Add(time.Duration(*in.DurationInSeconds) * time.Second)
	}
	if !caller.Expires.IsZero() && (expires.IsZero() || caller.Expires.Before(expires)) {
		expires = caller.Expires
	}
	c := iam.NewCredentials(*in.Name, expires)
	c.Principal.Maker = caller
	if err := s.o.Credentials.CreateCredentials(ctx, c, []byte(*in.Policy)); err != nil {
		return nil, err
	}
	out := &CreateCredentialsOutput{
		Name: c.Principal.Name, ARN: c.Principal.ARN, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
		SessionToken: operation.NotEmpty(c.SessionToken),
	}
	if !c.Expires.IsZero() {
		out.ExpirationTime = new(chat.FormatTime(c.Expires))
	}
	return out, nil
}

// ListCredentialsInput is what ListCredentials takes.
type ListCredentialsInput struct {
	// The maximum number of credentials in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListCredentialsOutput is one page.
type ListCredentialsOutput struct {
	// The credentials by name, without their secrets.
	Credentials []CredentialsDescription `json:"credentials"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// ListCredentials lists the credentials that the caller created, directly or through
// credentials that it created. The root sees all.
func (s *Service) ListCredentials(ctx context.Context, in *ListCredentialsInput) (*ListCredentialsOutput, error) {
	if err := s.onServer(ctx, "ListCredentials"); err != nil {
		return nil, err
	}
	all, err := s.o.Credentials.ListCredentials(ctx)
	if err != nil {
		return nil, err
	}
	out := &ListCredentialsOutput{Credentials: []CredentialsDescription{}}
	most := operation.PageSize(in.MaxResults)
	after, err := operation.OpenPage[string](in.NextToken, "credentials")
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Principal.Name <= after || !madeBy(c.Principal, iam.CallFrom(ctx).Principal) {
			continue
		}
		if len(out.Credentials) == most {
			out.NextToken = operation.SealPage(out.Credentials[most-1].Name, "credentials")
			break
		}
		out.Credentials = append(out.Credentials, s.describeCredentials(c))
	}
	return out, nil
}

// DeleteCredentialsInput is what DeleteCredentials takes.
type DeleteCredentialsInput struct {
	// The name of the user.
	Name *string `json:"name" rule:"required 1..64"`
}

// DeleteCredentialsOutput has no members.
type DeleteCredentialsOutput struct{}

// DeleteCredentials deletes credentials that the caller created, directly or through
// credentials that it created. Credentials that were created with them are deleted as well.
// The root can delete all. Running servers refuse them within two seconds.
func (s *Service) DeleteCredentials(ctx context.Context, in *DeleteCredentialsInput) (*DeleteCredentialsOutput, error) {
	if err := s.onServer(ctx, "DeleteCredentials"); err != nil {
		return nil, err
	}
	all, err := s.o.Credentials.ListCredentials(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Principal.Name == *in.Name && madeBy(c.Principal, iam.CallFrom(ctx).Principal) {
			return &DeleteCredentialsOutput{}, s.o.Credentials.DeleteCredentials(ctx, c.Principal.Name, c.AccessKeyID)
		}
	}
	return nil, &chat.Error{
		Code: chat.NotFound, Message: "No credentials that you made have the name " + *in.Name,
		Resource: chat.ARN{Type: chat.CredentialsResource, ID: *in.Name},
	}
}
