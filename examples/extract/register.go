package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/govmydata/mydata/sdk"
)

// register is the extracts by resident identifier. Two residents bear one name; no
// name is ever compared.
type register map[string][]sdk.Record

// readRegister reads the CSV whose columns are the data set's fields.
func readRegister(text []byte) (register, error) {
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 2 {
		return nil, fmt.Errorf("register: %w", err)
	}
	found := register{}
	for n, row := range rows[1:] {
		record := sdk.Record{}
		for i, name := range rows[0] {
			record[name] = row[i]
		}
		household, err := strconv.Atoi(row[3])
		if err != nil {
			return nil, fmt.Errorf("register, line %d: %w", n+2, err)
		}
		record["household"] = household
		found[row[0]] = append(found[row[0]], record)
	}
	return found, nil
}

// load finds the record of the person whom the SDK has made sure of: for both
// doors, the document and the facts.
func (r register) load(_ context.Context, who sdk.Subject) (sdk.Record, error) {
	return sdk.One(r[who.ResidentID])
}

// derive computes the facts that are not simply a field.
var derive = map[string]func(sdk.Record) (any, error){
	"region": func(r sdk.Record) (any, error) { // the province or city, and no street
		region, _, _ := strings.Cut(r["address"].(string), " ")
		return region, nil
	},
}
