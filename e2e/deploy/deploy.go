// Package deploy checks the files of deploy/ with the programs that read them: the Dockerfile
// with BuildKit's parser and linter, the Compose files with Compose's own loader, the Helm
// chart with helm and the types of the Kubernetes API, and the units with systemd. It also
// checks that Confab has every setting that they use. It is a module of its own, so that
// the program does not depend on any of these.
package deploy
