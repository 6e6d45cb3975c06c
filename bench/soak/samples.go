//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

type samples []sample

// write writes the samples as CSV.
func (all samples) write(file string) error {
	var b strings.Builder
	b.WriteString("seconds,pid,connections,rss_bytes,heap_bytes,descriptors,goroutines,deploying\n")
	for _, x := range all {
		fmt.Fprintf(&b, "%.0f,%d,%d,%d,%d,%d,%d,%t\n", x.at.Seconds(), x.pid, x.connections, x.rss, x.heap, x.descriptors, x.goroutines, x.deploying)
	}
	return os.WriteFile(file, []byte(b.String()), 0o600)
}

// lives are the samples of each server from when everybody has come to it until
// the next deploy.
func (all samples) lives() (lives []samples) {
	for i, x := range all {
		if i == 0 || x.pid != all[i-1].pid {
			lives = append(lives, nil)
		}
		last := len(lives) - 1
		if x.at > warmUp && !x.deploying {
			lives[last] = append(lives[last], x)
		}
	}
	return lives
}

// Growth within one server's life that is no leak: the heap breathes, and so do
// connections that come and go.
const (
	warmUp          = 90 * time.Second
	memoryMayGrow   = 0.15
	filesMayGrow    = 0.03
	samplesOfAVoice = 12 // a shorter life says nothing
)

// verdict is an error if memory, descriptors or goroutines grow: the mean of a
// life's last third is held against that of its middle third.
func (s *soak) verdict() error {
	var errs []error
	judged := 0
	for _, life := range s.samples.lives() {
		if len(life) < samplesOfAVoice {
			continue
		}
		judged++
		third := len(life) / 3
		middle, end := life[third:2*third], life[2*third:]
		for _, what := range []struct {
			name string
			most float64
			of   func(sample) float64
		}{
			{"resident memory", memoryMayGrow, func(x sample) float64 { return float64(x.rss) }},
			{"descriptors", filesMayGrow, func(x sample) float64 { return float64(x.descriptors) }},
			{"goroutines", memoryMayGrow, func(x sample) float64 { return float64(x.goroutines) + 50 }},
		} {
			a, b := mean(middle, what.of), mean(end, what.of)
			fmt.Printf("server %d, %s: %.4g, then %.4g (%+.1f %%)\n", life[0].pid, what.name, a, b, 100*(b/a-1))
			if b > a*(1+what.most) {
				errs = append(errs, fmt.Errorf("%s of server %d grew by %.1f %%", what.name, life[0].pid, 100*(b/a-1)))
			}
		}
	}
	if judged == 0 {
		errs = append(errs, errors.New("it was too short to tell whether anything grows"))
	}
	return errors.Join(errs...)
}

func mean(all samples, of func(sample) float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += of(x)
	}
	return sum / float64(len(all))
}
