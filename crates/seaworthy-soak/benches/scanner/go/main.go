// Program parsers times Prometheus' own text parsers, at the word of the bench that started it.
//
// Each line of standard input is "PARSER TIMES FILE"; it parses the file so often and answers with the nanoseconds that took.
//
//   - textparse: what a Prometheus server does with a page whose series it knows already: each entry, its series as bytes, its value
//     and timestamp. The fastest of the three.
//   - textparse-labels: the same, and the labels of each series taken apart, as for a page seen for the first time.
//   - expfmt: the parser of the client libraries, into metric families.
//
// Deliberately absent: warm-up and statistics, which the caller does for all parsers alike.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var parser, file string
		var times int
		if _, err := fmt.Sscan(input.Text(), &parser, &times, &file); err != nil {
			fail(err)
		}
		page, err := os.ReadFile(file)
		if err != nil {
			fail(err)
		}
		began := time.Now()
		series := 0
		for range times {
			if series, err = parse(parser, page); err != nil {
				fail(err)
			}
		}
		fmt.Println(time.Since(began).Nanoseconds(), series)
	}
}

func parse(parser string, page []byte) (int, error) {
	switch parser {
	case "textparse":
		return entries(page, false)
	case "textparse-labels":
		return entries(page, true)
	case "expfmt":
		return families(page)
	}
	return 0, fmt.Errorf("unknown parser %q", parser)
}

// Kept from one call to the next, so that the compiler cannot leave the work out.
var (
	sum  float64
	keys int
)

func entries(page []byte, withLabels bool) (int, error) {
	parser := textparse.NewPromParser(page, labels.NewSymbolTable(), false)
	series := 0
	var found labels.Labels
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return series, nil
		}
		if err != nil {
			return 0, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		key, _, value := parser.Series()
		if withLabels {
			parser.Labels(&found)
		}
		series++
		sum += value
		keys += len(key)
	}
}

func families(page []byte) (int, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	series := 0
	for _, family := range found {
		series += len(family.Metric)
	}
	return series, err
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
