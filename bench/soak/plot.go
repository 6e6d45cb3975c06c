//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// curve is a line of the plot.
type curve struct {
	title, unit, colour string
	of                  func(sample) float64
}

var curves = []curve{
	{"resident memory", "MiB", "#1f77b4", func(x sample) float64 { return float64(x.rss) / (1 << 20) }},
	{"heap", "MiB", "#17becf", func(x sample) float64 { return float64(x.heap) / (1 << 20) }},
	{"descriptors", "", "#d62728", func(x sample) float64 { return float64(x.descriptors) }},
	{"connections", "", "#7f7f7f", func(x sample) float64 { return float64(x.connections) }},
	{"goroutines", "", "#2ca02c", func(x sample) float64 { return float64(x.goroutines) }},
}

// Sizes of the plot in pixels.
const (
	plotWidth  = 720
	plotHeight = 110
	plotMargin = 50
)

// draw draws a strip for each curve, over minutes, as SVG.
func (all samples) draw(file string) error {
	if len(all) == 0 {
		return nil
	}
	height := len(curves)*(plotHeight+plotMargin) + plotMargin/2
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", plotWidth+2*plotMargin, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	end := all[len(all)-1].at.Minutes()
	for i, c := range curves {
		top := float64(i*(plotHeight+plotMargin) + plotMargin/2)
		most := 0.0
		for _, x := range all {
			most = max(most, c.of(x))
		}
		step := math.Pow(10, math.Floor(math.Log10(max(most, 1))))
		most = max(math.Ceil(most/step)*step, 1)
		fmt.Fprintf(&b, `<text x="%d" y="%.0f">%s (up to %.0f %s)</text>`+"\n", plotMargin, top-5, c.title, most, c.unit)
		fmt.Fprintf(&b, `<rect x="%d" y="%.0f" width="%d" height="%d" fill="none" stroke="#ccc"/>`+"\n", plotMargin, top, plotWidth, plotHeight)
		fmt.Fprintf(&b, `<text x="%d" y="%.0f">0</text><text x="%d" y="%.0f" text-anchor="end">%.0f min</text>`+"\n",
			plotMargin, top+plotHeight+14, plotMargin+plotWidth, top+plotHeight+14, end)
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, c.colour)
		for _, x := range all {
			fmt.Fprintf(&b, "%.1f,%.1f ", plotMargin+plotWidth*x.at.Minutes()/max(end, 0.01), top+plotHeight*(1-c.of(x)/most))
		}
		b.WriteString(`"/>` + "\n")
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(file, []byte(b.String()), 0o600)
}
