from django.urls import path

from learning.receipts import views

urlpatterns = [
    path("learning", views.LearningView.as_view(), name="learning"),
    path("learning/receipts", views.ReceiptsView.as_view(), name="learning-receipts"),
]
