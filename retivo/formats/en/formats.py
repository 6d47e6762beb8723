"""How staff pages show time: sortable, 24 hours, UTC as everything here. The space does not break."""

DATETIME_FORMAT = "Y-m-d\u00a0H:i:s"
DATE_FORMAT = "Y-m-d"
