// Package config is what an operator can set: one struct, filled from flags,
// the environment, a YAML file and defaults, in this order of precedence. Each
// value knows where it came from, and an error names that place.
//
// A setting is a field of Config and a line of the table in settings.go. The
// field's comment is its line in the help and in docs/configuration.md.
//
// The layering is our own: what the libraries for it do, merging maps, is the
// small part of it; where a value came from, down to the line of the file, and
// errors that say so, would have to be built on top of any of them.
package config

import (
	"net/netip"
	"time"
)

//go:generate go test -run ^TestReference$ -update .

// Config is the whole configuration of one server. The zero value of a field
// that has a default is not the default; start from Default.
type Config struct {
	// Serve one developer: fixed credentials that are printed, account
	// 000000000000, a room named demo, and loopback addresses only.
	Dev bool
	// YAML file with settings; its keys are the names of the flags without the
	// dashes in front.
	Config string
	// File in which the process that serves keeps its id. confab restart finds the
	// server by it; a new process that takes over takes the file over.
	PIDFile string

	// Address of the API, the WebSocket, /healthz and /readyz: one port for all.
	Listen string
	// Address of /metrics and /debug/pprof; "off" closes it. It has no
	// authentication: others than loopback addresses belong behind a firewall.
	AdminListen string
	// Serve /debug/pprof at --admin-listen: true, false, or auto, which does so at a
	// loopback address only. Profiles show what is in memory.
	Pprof string
	// Certificate chain (PEM) with which the main port speaks TLS; read again
	// on SIGHUP.
	TLSCert string
	// Private key (PEM) of --tls-cert; read again on SIGHUP.
	TLSKey string
	// Path at which clients reach this server on a host that it shares, such as
	// /chat when their endpoint is https://example.com/chat; empty is the whole
	// host. The proxy in front may pass the path on or remove it. /healthz and
	// /readyz answer with it and without it.
	BasePath string
	// Networks whose X-Forwarded-For is believed: it then is the address for
	// aws:SourceIp, for Sender.Ip in message review and for limits per address.
	TrustedProxies []netip.Prefix
	// Origins whose pages may call the API; * is any, and loopback is any page of
	// this machine, the default with --dev. With --dev it holds for WebSockets, too.
	CORSOrigins []string
	// How long a connection may be idle between two requests of HTTP. Longer than
	// load balancers keep theirs, or they send requests on connections that this
	// server is closing. Idle connections are closed earlier when a limit of
	// connections is reached.
	KeepAlive time.Duration

	// AWS region of every ARN and signature.
	Region string
	// AWS account of every ARN, 12 digits.
	AccountID string
	// Access key id of the administrator, who may do everything.
	RootAccessKeyID string
	// Secret access key of the administrator.
	RootSecretAccessKey Secret

	// Directory of the SQLite database and of the secret key.
	DataDir string
	// Database URL: empty or "sqlite" is SQLite in the data directory, for one
	// server; postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full is
	// PostgreSQL 13 or newer, which several servers share. All parameters of libpq
	// can be given; CONFAB_DATABASE keeps the password out of the list of processes.
	Database string
	// File with the key that seals credentials and token keys in the database,
	// 32 bytes in base64; CONFAB_SECRET_KEY can hold it instead. With neither, a
	// key is made in the data directory; PostgreSQL needs one of the two, the same
	// on every server.
	SecretKeyFile string
	// The key itself, instead of a file with it.
	SecretKey Secret

	// Name of this node in logs and in the cluster; the host's name when empty.
	NodeName string
	// Address at which the other nodes of a cluster reach this one: the nodes
	// form a NATS cluster among themselves. Needs --database postgres://….
	ClusterListen string
	// Where other nodes listen, nats://HOST:PORT,...; one that is up is enough,
	// and the node's own address does no harm.
	ClusterPeers []string
	// File with the secret that the nodes of a cluster share;
	// CONFAB_CLUSTER_SECRET can hold it instead. Nodes without it are refused.
	ClusterSecretFile string
	// The secret itself, instead of a file with it.
	ClusterSecret Secret
	// Certificate chain (PEM) of this node for the connections between nodes, or
	// to --nats: each side shows one and checks the other's.
	ClusterTLSCert string
	// Private key (PEM) of --cluster-tls-cert.
	ClusterTLSKey string
	// Certificates (PEM) of the authority that signs those of the other nodes or
	// of --nats; the system's when empty.
	ClusterTLSCA string
	// Existing NATS that connects the nodes, instead of --cluster-listen;
	// several servers of it are separated by commas.
	NATS []string
	// File with the credentials (JWT and seed) of a NATS user.
	NATSCredentials string

	// What Confab adds to IVS Chat: on, off, or off=force. With off, confab: tags of
	// rooms are plain tags, the operations under /_confab/v1/ are closed, and the
	// server does not start while a ban, a signer or a webhook exists, which off=force
	// ignores.
	Extensions string
	// The web console at /_confab/console/: on, or off, which serves no page. It calls
	// the same operations as every client, with the credentials of its user.
	Console string
	// Memory for what clients missed, in rooms with the tag confab:catch-up, such as
	// 256MiB. When it is full, the oldest messages of any room are dropped.
	CatchUpMemory int64
	// The least time between two events about viewers in a room with the tag
	// confab:presence.
	PresenceInterval time.Duration
	// Networks that webhooks may call although their addresses are not public, such as
	// 10.1.0.0/16; with --dev also those of this machine.
	WebhookAllow []netip.Prefix
	// Let webhooks call endpoints at http://, too, as with --dev.
	WebhookInsecure bool
	// How long events are kept for the endpoint of a webhook that does not take them.
	WebhookRetention time.Duration
	// How long the moderation log keeps who deleted, disconnected, banned or filtered what.
	ModerationLogRetention time.Duration
	// Account quotas and API call rates: off for none, aws for the numbers that
	// AWS gives an account. Limits per room and per connection always hold.
	Quotas string
	// Account quotas and API call rates of your own, by their names: each stands
	// above that of --quotas, and 0 sets no limit. The names are at the end of this
	// page. All nodes of a cluster need the same.
	ServiceQuotas []ServiceQuota
	// Connects that this node takes from all clients together. Faster ones are
	// held back, up to a minute, so that live rooms do not notice a storm.
	ConnectRate Rate
	// Connects that one user may make from one address.
	ConnectRatePerUser Rate
	// Connects that one client address may make. An IPv6 address is counted with
	// its /64, which is what one subscriber has.
	ConnectRatePerAddress Rate
	// Connections at a time to all rooms; 0 means as many as the process may have
	// open files, less some for other work. More wait for a free place, up to ten
	// seconds.
	MaxConnections int
	// Connections at a time to one room on this node; 0 sets no limit.
	MaxConnectionsPerRoom int
	// Connections at a time of one user to one room on this node; 0 sets no limit.
	// Clients connect anew before they leave, so it should be 2 at least.
	MaxConnectionsPerUser int
	// Connections at a time from one client address (an IPv6 /64) to this node,
	// those of the API included; 0 sets no limit.
	MaxConnectionsPerAddress int
	// Memory in MiB that the process may use before connects have to wait; 0 sets
	// no limit. Garbage is collected more often when it comes near.
	MaxMemory int
	// Bytes of a SendEvent's attributes, keys and values together: 1024 as the
	// API model says, up to the 4096 that AWS allows since November 2025.
	EventAttributesMax int

	// How long a chat token can be used to connect; 0 means as long as its
	// session lasts, 60s is what AWS did in 2022.
	TokenLifetime time.Duration
	// How long a node that stops takes to move its connections to other nodes. For
	// a tenth of it, at most 1s, it serves as before, so that load balancers
	// notice that /readyz is red. The drain ends early when no connection is left.
	// A node without others has nowhere to drain to: it stops within a second.
	DrainTime time.Duration
	// How long frames of a busy room are gathered into one write: auto, which
	// is 0 in small rooms and grows with the load, or a fixed time.
	DeliveryWindow time.Duration
	// Write to many sockets with one system call: auto, where Linux has io_uring
	// and allows it, which many containers do not; or off, a call for each socket.
	IOURing string
	// End the connections to a room that is deleted. AWS leaves them open.
	CloseOnRoomDelete bool

	// How long a message waits for its message review handler, a cold start
	// included; then the room's fallback result decides. AWS waits 200ms.
	ReviewTimeout time.Duration
	// What stands behind message review handlers, by the ARN of the Lambda
	// function that rooms name, or a pattern of ARNs with asterisks. The first
	// that matches decides: lambda is the function itself, through the AWS SDK
	// (AWS_ENDPOINT_URL_LAMBDA names another endpoint), lambda:NAME a function of
	// that name, http://… or https://… a server that takes a POST, exec:PROGRAM
	// ARG… a Lambda runtime program that is run on this machine. What matches
	// nothing is lambda. See the end of this page.
	MessageReviewHandlers []MessageReviewHandler

	// Where chat is logged: aws is S3, CloudWatch Logs and Firehose through the
	// AWS SDK, which finds endpoints and credentials as every AWS tool
	// (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS,
	// AWS_ENDPOINT_URL_FIREHOSE); local is files below the data directory.
	LogDestinations string
	// How long records wait for others before they become an object in S3; an
	// object also ends at 5 MiB.
	S3LogInterval time.Duration
	// How long records wait for others on their way to CloudWatch Logs and
	// Firehose.
	LogFlushInterval time.Duration
	// How long records of chat logging are kept for a destination that does not
	// take them.
	LogRetention time.Duration
	// Least severity of log lines.
	LogLevel string
	// Form of log lines on standard error: auto is text on a terminal and JSON
	// elsewhere.
	LogFormat string

	sources map[string]string
}

// MessageReviewHandler says what stands behind the message review handlers
// whose ARN the pattern matches.
type MessageReviewHandler struct {
	Pattern string
	Target  string
}

// ServiceQuota is the limit of a quota, by its name in Service Quotas; 0 is none.
type ServiceQuota struct {
	Name  string
	Limit int
}

// AutomaticWindow is the DeliveryWindow of "auto".
const AutomaticWindow time.Duration = -1

// The values of IOURing.
const (
	IOURingAuto = "auto"
	IOURingOff  = "off"
)

// The values of Extensions.
const (
	ExtensionsOn        = "on"
	ExtensionsOff       = "off"
	ExtensionsForcedOff = "off=force"
)

// The values of Console.
const (
	ConsoleOn  = "on"
	ConsoleOff = "off"
)

// The values of Quotas.
const (
	QuotasOff = "off"
	QuotasAWS = "aws"
)

// The values of LogDestinations.
const (
	LogDestinationsAWS   = "aws"
	LogDestinationsLocal = "local"
)

// PprofAuto is the Pprof that is "true" at a loopback address and else "false".
const PprofAuto = "auto"

// AdminOff is the AdminListen of a server without an admin port.
const AdminOff = "off"

// OriginsLoopback stands for all pages of this machine in CORSOrigins.
const OriginsLoopback = "loopback"

// What --dev uses. The credentials are no secret: everybody can read them here.
const (
	DevAccessKeyID     = "AKIDCONFABDEV0000001"
	DevSecretAccessKey = "confab-dev-secret-key-not-for-production" //nolint:gosec // Public by design; see above.
	DevAccountID       = "000000000000"
	DevDataDir         = "./confab-dev-data"
)

// Default returns the configuration that runs on one machine with nothing set.
// Only the administrator's credentials are missing.
func Default() *Config {
	return &Config{
		Listen:                "127.0.0.1:8080",
		AdminListen:           "127.0.0.1:8081",
		Pprof:                 PprofAuto,
		CORSOrigins:           []string{"*"},
		KeepAlive:             620 * time.Second,
		Region:                "us-west-2",
		AccountID:             "123456789012",
		DataDir:               "./confab-data",
		Extensions:            ExtensionsOn,
		Console:               ConsoleOn,
		CatchUpMemory:         256 << 20,
		PresenceInterval:      5 * time.Second,
		WebhookRetention:      24 * time.Hour,
		Quotas:                QuotasOff,
		ConnectRate:           2000,
		ConnectRatePerUser:    5,
		ConnectRatePerAddress: 200,
		EventAttributesMax:    1024,
		DrainTime:             30 * time.Second,
		DeliveryWindow:        AutomaticWindow,
		IOURing:               IOURingAuto,
		ReviewTimeout:         200 * time.Millisecond,
		LogDestinations:       LogDestinationsAWS,
		S3LogInterval:         5 * time.Minute,
		LogFlushInterval:      5 * time.Second,
		LogRetention:          72 * time.Hour,
		LogLevel:              "info",
		LogFormat:             "auto",

		ModerationLogRetention: 90 * 24 * time.Hour,
	}
}

// useDev replaces the defaults with those of --dev. What was set stands, but
// for the credentials: they are fixed, so that what is printed and documented
// is always true.
func (c *Config) useDev() {
	c.AccountID = DevAccountID
	c.DataDir = DevDataDir
	c.CORSOrigins = []string{OriginsLoopback}
	c.LogDestinations = LogDestinationsLocal
	c.WebhookAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	c.WebhookInsecure = true
	c.RootAccessKeyID = DevAccessKeyID
	c.RootSecretAccessKey = DevSecretAccessKey
}

// Secret is a value that no output may show: it prints as dots. Convert it to a
// string to use it.
type Secret string

// String returns dots, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "••••••••"
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText is String, for encoders and loggers.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Rate is a number per second; 0 means that there is no limit.
type Rate float64
