package main

import (
	"encoding/json"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// The laws by which agencies hold what they hold, and for which they ask. The
// numbers are those of articles.
var (
	healthAct   = catalogue.Text{"en": "National Health Insurance Act", "ko": "국민건강보험법"}
	residentAct = catalogue.Text{"en": "Resident Registration Act", "ko": "주민등록법"}
	roadAct     = catalogue.Text{"en": "Road Traffic Act", "ko": "도로교통법"}
	housingAct  = catalogue.Text{"en": "Housing Benefit Act", "ko": "주거급여법"}
)

var dataSets = []catalogue.DataSet{checkup, premium, extract}

var purposes = []catalogue.Purpose{
	{
		Code:    "driving-licence-renewal",
		Text:    catalogue.Text{"en": "Renew a driving licence without a second eyesight and hearing test", "ko": "시력·청력 검사를 다시 받지 않고 운전면허 갱신"},
		MaxUses: 2, MaxDays: 30, Law: &catalogue.Law{Name: roadAct, Ref: "87"}, DataSets: []string{checkup.ID},
	},
	{
		Code:    "housing-benefit",
		Text:    catalogue.Text{"en": "Decide on a housing benefit, and look once a month whether it is still due", "ko": "주거급여 결정과 매월 수급 자격 확인"},
		MaxUses: 12, MaxDays: 366, Law: &catalogue.Law{Name: housingAct}, DataSets: []string{extract.ID, premium.ID},
	},
}

// templates bound how the benefit is asked for: it never needs a name, a house
// number, or to look twice in a month.
var templates = []catalogue.Template{{
	ID: "housing-benefit", Version: 1, Purpose: "housing-benefit",
	Title:   catalogue.Text{"en": "Household, region and contribution for a housing benefit", "ko": "주거급여용 세대·지역·보험료"},
	MaxUses: 12, MaxDays: 366, KeepDays: 366, Every: 28 * 86400,
	Extents: []catalogue.Extent{
		{DataSet: extract.ID, Fields: []string{"household", "address", "moved_in"}},
		{DataSet: premium.ID, Fields: []string{"premium"}},
	},
}}

// checkup is what the insurer keeps of a health check-up. Of it, a licence
// renewal needs two yes-or-no answers and a date.
var checkup = catalogue.DataSet{
	ID:       "health-checkup",
	Provider: insurerID,
	Title:    catalogue.Text{"en": "General health check-up", "ko": "일반 건강검진"},
	Law:      &catalogue.Law{Name: healthAct, Ref: "52"},
	Schema: json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object",
		"properties": {
			"resident": {"type": "string"},
			"name": {"type": "string"},
			"vision_left": {"type": "number"},
			"vision_right": {"type": "number"},
			"hearing_left": {"type": "integer"},
			"hearing_right": {"type": "integer"},
			"blood_pressure": {"type": "string"},
			"remarks": {"type": "string"},
			"checked_on": {"type": "string", "format": "date"}
		},
		"required": ["vision_left", "vision_right", "hearing_left", "hearing_right", "checked_on"],
		"additionalProperties": false
	}`),
	Fields: []catalogue.Field{
		{Name: "resident", Label: catalogue.Text{"en": "Resident identifier", "ko": "주민 식별자"}},
		{Name: "name", Label: catalogue.Text{"en": "Name", "ko": "이름"}},
		{Name: "vision_left", Label: catalogue.Text{"en": "Eyesight, left", "ko": "시력(왼쪽)"}},
		{Name: "vision_right", Label: catalogue.Text{"en": "Eyesight, right", "ko": "시력(오른쪽)"}},
		{Name: "hearing_left", Label: catalogue.Text{"en": "Hearing, left (dB)", "ko": "청력(왼쪽, dB)"}},
		{Name: "hearing_right", Label: catalogue.Text{"en": "Hearing, right (dB)", "ko": "청력(오른쪽, dB)"}},
		{Name: "blood_pressure", Label: catalogue.Text{"en": "Blood pressure", "ko": "혈압"}, Sensitive: true},
		{Name: "remarks", Label: catalogue.Text{"en": "Doctor's remarks", "ko": "의사 소견"}, Sensitive: true},
		{Name: "checked_on", Label: catalogue.Text{"en": "Date of the check-up", "ko": "검진일"}},
	},
	Derived: []catalogue.Derived{
		{Claim: "vision_ok", Label: catalogue.Text{"en": "Eyesight sufficient for driving (yes or no)", "ko": "운전에 필요한 시력 충족 여부(예/아니요)"}, From: []string{"vision_left", "vision_right"}},
		{Claim: "hearing_ok", Label: catalogue.Text{"en": "Hearing sufficient for driving (yes or no)", "ko": "운전에 필요한 청력 충족 여부(예/아니요)"}, From: []string{"hearing_left", "hearing_right"}},
		{Claim: "checked_on", Label: catalogue.Text{"en": "Date of the check-up", "ko": "검진일"}, From: []string{"checked_on"}},
	},
}

// premium is what the insurer was paid: of it, a benefit needs to know whether it
// is low, and no amount.
var premium = catalogue.DataSet{
	ID:       "health-premium",
	Provider: insurerID,
	Title:    catalogue.Text{"en": "Health insurance contribution", "ko": "건강보험료"},
	Law:      &catalogue.Law{Name: healthAct, Ref: "69"},
	Schema: json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object",
		"properties": {
			"resident": {"type": "string"},
			"month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
			"premium": {"type": "integer", "minimum": 0}
		},
		"required": ["month", "premium"],
		"additionalProperties": false
	}`),
	Fields: []catalogue.Field{
		{Name: "resident", Label: catalogue.Text{"en": "Resident identifier", "ko": "주민 식별자"}},
		{Name: "month", Label: catalogue.Text{"en": "Month", "ko": "해당 월"}},
		{Name: "premium", Label: catalogue.Text{"en": "Contribution (won)", "ko": "보험료(원)"}, Sensitive: true},
	},
	Derived: []catalogue.Derived{
		{Claim: "income_low", Label: catalogue.Text{"en": "Contribution low enough for a benefit (yes or no)", "ko": "보험료가 급여 기준 이하인지 여부(예/아니요)"}, From: []string{"premium"}},
	},
}

// extract is what a town hall keeps of a resident: a document for wallets, and
// facts for agencies.
var extract = catalogue.DataSet{
	ID:       "resident-extract",
	Provider: townHallID,
	Title:    catalogue.Text{"en": "Resident extract", "ko": "주민등록 초본"},
	Law:      &catalogue.Law{Name: residentAct, Ref: "29"},
	Schema: json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object",
		"properties": {
			"resident": {"type": "string"},
			"name": {"type": "string"},
			"address": {"type": "string"},
			"household": {"type": "integer", "minimum": 1},
			"moved_in": {"type": "string", "format": "date"}
		},
		"required": ["name", "address", "household", "moved_in"],
		"additionalProperties": false
	}`),
	Fields: []catalogue.Field{
		{Name: "resident", Label: catalogue.Text{"en": "Resident identifier", "ko": "주민 식별자"}},
		{Name: "name", Label: catalogue.Text{"en": "Name", "ko": "이름"}},
		{Name: "address", Label: catalogue.Text{"en": "Address", "ko": "주소"}},
		{Name: "household", Label: catalogue.Text{"en": "People in the household", "ko": "세대원 수"}},
		{Name: "moved_in", Label: catalogue.Text{"en": "Living there since", "ko": "전입일"}},
	},
	Derived: []catalogue.Derived{
		{Claim: "household", Label: catalogue.Text{"en": "People in the household", "ko": "세대원 수"}, From: []string{"household"}},
		{Claim: "region", Label: catalogue.Text{"en": "Region of the address, without street", "ko": "거주 지역(상세 주소 제외)"}, From: []string{"address"}},
		{Claim: "moved_in", Label: catalogue.Text{"en": "Living there since", "ko": "전입일"}, From: []string{"moved_in"}},
	},
}
