package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strconv"

	"github.com/govmydata/mydata/sdk"
)

// table is check-ups, or premiums, by resident identifier: several of one resident would
// be an answer that nobody can choose from.
type table map[string][]sdk.Record

// readTable reads the CSV whose columns are a data set's fields.
func readTable(text []byte) (table, error) {
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 2 {
		return nil, fmt.Errorf("table: %w", err)
	}
	found := table{}
	for n, row := range rows[1:] {
		record := sdk.Record{}
		for i, name := range rows[0] {
			value, err := parse(name, row[i])
			if err != nil {
				return nil, fmt.Errorf("table, line %d, %s: %w", n+2, name, err)
			}
			record[name] = value
		}
		id := row[0]
		found[id] = append(found[id], record)
	}
	return found, nil
}

func parse(name, text string) (any, error) {
	switch name {
	case "vision_left", "vision_right":
		return strconv.ParseFloat(text, 64)
	case "hearing_left", "hearing_right", "premium":
		return strconv.Atoi(text)
	}
	return text, nil
}

// load is the one function that an agency writes: it finds the record of the
// person whom the SDK has made sure of.
func (t table) load(_ context.Context, who sdk.Subject) (sdk.Record, error) {
	return sdk.One(t[who.ResidentID])
}

// derive computes the facts. Each function sees the fields that its fact is
// made from, and no others.
var derive = map[string]func(sdk.Record) (any, error){
	"vision_ok": func(r sdk.Record) (any, error) { // 0.5 and better with each eye
		left, right := r["vision_left"].(float64), r["vision_right"].(float64)
		return left >= 0.5 && right >= 0.5, nil
	},
	"hearing_ok": func(r sdk.Record) (any, error) { // hears 55 dB with each ear
		left, right := r["hearing_left"].(int), r["hearing_right"].(int)
		return left <= 55 && right <= 55, nil
	},
}

// lowPremium is the contribution up to which a household counts as having a low
// income.
const lowPremium = 70_000

// derivePremium answers what a benefit needs to know of an income, and no amount.
var derivePremium = map[string]func(sdk.Record) (any, error){
	"income_low": func(r sdk.Record) (any, error) { return r["premium"].(int) <= lowPremium, nil },
}
