// Package deploy holds the files of deploy/ against what reads them: the
// Dockerfile against BuildKit's parser and its linter, the Compose files against
// Compose's own loader, the Helm chart against helm and the types of the
// Kubernetes API, the units against systemd; and all of them against the
// program, which must know every setting they use. It is a module of its own so
// that none of this is in the program's.
package deploy
