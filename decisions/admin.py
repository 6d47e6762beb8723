from django.contrib import admin

from decisions.ledger.admin import DecisionAdmin
from decisions.models import DecisionRow

admin.site.register(DecisionRow, DecisionAdmin)
