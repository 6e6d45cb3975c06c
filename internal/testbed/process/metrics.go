package process

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scrapeTimeout is how long /metrics may take, on a busy machine.
const scrapeTimeout = 15 * time.Second

var adminAddress = regexp.MustCompile(`"admin_address":"([^"]+)"`)

// Metric returns the value of one series, "name" or `name{label="value"}`, and 0
// if the server has none.
func (s *Server) Metric(t testing.TB, series string) float64 {
	t.Helper()
	values, err := Scrape(t.Context(), s.Admin(t))
	if err != nil {
		t.Fatal(err)
	}
	return values[series]
}

// Admin returns the address of the server's admin port.
func (s *Server) Admin(t testing.TB) string {
	t.Helper()
	address := adminAddress.FindStringSubmatch(s.Log())
	if address == nil {
		t.Fatal("the log does not say where the admin port is")
	}
	return address[1]
}

// Scrape reads /metrics of the admin port at the address.
func Scrape(ctx context.Context, admin string) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // Nothing of a test stays connected to a server that it stops.
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if values[line[:at]], err = strconv.ParseFloat(line[at+1:], 64); err != nil {
			return nil, fmt.Errorf("read the metrics: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return values, nil
}
