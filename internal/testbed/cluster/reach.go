package cluster

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
)

// callers is how many calls of the API a process makes to one node at a time, as
// the connection pool of an application's backend would have it.
const callers = 32

// Place is where clients find a node.
type Place struct {
	Name, Address string
	Held          bool // The listener is held, so that clients wait while the node is not there.
}

// Places are where clients find the nodes.
func (c *Cluster) Places() []Place {
	places := make([]Place, len(c.Nodes))
	for i, n := range c.Nodes {
		places[i] = Place{Name: n.Name, Address: n.options.Address, Held: n.options.Listener != nil}
	}
	return places
}

// Reach returns the nodes that another process runs, and a balancer of this
// process's own in front of them. Close ends the balancer.
func Reach(places []Place) *Cluster {
	c := &Cluster{}
	for _, p := range places {
		n := &Node{Name: p.Name, options: process.Options{Address: p.Address}}
		n.api = newAPI(p.Address)
		c.Nodes = append(c.Nodes, n)
	}
	c.Balancer = newBalancer(c.Nodes, places[0].Held)
	return c
}

// Close ends the balancer; the nodes live on.
func (c *Cluster) Close() { c.Balancer.close() }

// newAPI is the AWS SDK as the administrator has it, for one node.
func newAPI(address string) *ivschat.Client {
	return ivschat.New(ivschat.Options{
		Region: process.Region, BaseEndpoint: aws.String("http://" + address), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(process.AccessKeyID, process.SecretAccessKey, ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxConnsPerHost, t.MaxIdleConnsPerHost = callers, callers
		}),
	})
}
